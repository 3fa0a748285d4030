"""What `retable figures` does: the figures of one finished trial, or of all of a study's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.text import Text

from retable.console import counting
from retable.figures.compare import comparison
from retable.figures.finished import Finished, NothingToDraw, find, identities, opened
from retable.figures.kinds import Curves, Figure, Film
from retable.files import write_json
from retable.plan import PlannedTrial, make_plan
from retable.scale import Scale
from retable.study import Study
from retable.trial import Trial, TrialConfig

MANIFEST = "figures.json"


def draw_trial(results: Path, prefix: str, samples: int, console: Console) -> int:
    """Draw the figures of the trial whose signature begins so, into ``figures/<signature>``.

    Args:
        results: folder of the trials.
        samples: generated samples behind a measured curve.

    Raises:
        NothingToDraw: there is no such trial, more than one, it is not finished, or its family has no figures.
        ValueError: it is of a family or version that is not here.
    """
    trial, name = find(results, prefix)
    if not _has_figures(trial):
        raise NothingToDraw(f"trial {trial.signature} is a {trial.config.trainable}, which has no figures")
    _draw(opened(results, trial, name, _device()), results, samples, console)
    return 0


def draw_study(
    study: Study[Any],
    scale: Scale[Any],
    results: Path,
    samples: int,
    console: Console,
    *,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> int:
    """Draw the figures of a study's finished trials, and of several also a comparison, into ``figures/<study>_<scale>``.

    The trials are those in `results` whatever data set they were trained on; the data set itself is not needed.

    Raises:
        NothingToDraw: none is finished.
        ValueError: a table is not declared.
    """
    figures: dict[str, list[Figure]] = {}
    missing = 0
    for planned in _planned(study, scale, results, tables, seeds):
        try:
            finished = opened(results, planned.trial, planned.name, _device())
        except NothingToDraw as reason:
            console.print(Text(f"{planned.name}: {reason}", style="yellow"))
            missing += 1
            continue
        name = planned.name if planned.name not in figures else f"{planned.name} {planned.signature[:6]}"
        figures[name] = _draw(finished, results, samples, console)
    if not figures:
        raise NothingToDraw(
            f"no trial of {study.name} at scale {scale.name} that has figures is finished in {results}; "
            "train it first, or choose another --scale, --tables, --seeds or --out"
        )
    if len(figures) > 1:
        folder = results / "figures" / f"{study.name}_{scale.name}"
        for figure in comparison(figures):
            figure.write(folder)
        console.print(Text(f"{len(figures)} trials beside each other are in {folder}"))
    if missing:
        console.print(f"{missing} trials are not drawn, for the reasons above.")
    return 0


def _planned(
    study: Study[Any],
    scale: Scale[Any],
    results: Path,
    tables: Sequence[str] | None,
    seeds: Sequence[int] | None,
) -> list[PlannedTrial]:
    """The study's trials over every data set that a trial in `results` was trained on, if they were ever begun."""
    known = identities(results)
    data = sorted({str(identity["data"]) for identity in known.values()})
    plans = [make_plan(study, scale, which, tables=tables, seeds=seeds) for which in data]
    return [
        planned
        for plan in plans
        for planned in plan.trials
        if planned.signature in known and _has_figures(planned.trial)
    ]


def _has_figures(trial: Trial) -> bool:
    return type(trial.config).figures is not TrialConfig.figures


def _draw(finished: Finished, results: Path, samples: int, console: Console) -> list[Figure]:
    """Draw a trial's figures; last comes ``figures.json``, which says what they are.

    Returns:
        What it can be compared by: its first film, and its curves. Sheets are large, and let go.
    """
    trial = finished.trial
    folder = results / "figures" / trial.signature
    told: list[dict[str, object]] = []
    kept: list[Figure] = []
    with counting(console, f"Drawing {finished.name}") as progress:
        for figure in trial.config.figures(finished, samples, progress):
            files = [file.name for file in figure.write(folder)]
            told.append({"name": figure.name, "caption": figure.caption, "files": files})
            if isinstance(figure, Curves) or (isinstance(figure, Film) and not kept):
                kept.append(figure)
    about = {
        "signature": trial.signature,
        "trial": finished.name,
        "trainable": trial.config.trainable,
        "seed": trial.seed,
        "iteration": finished.iteration,
        "weights": finished.weights,
        "samples": samples,
        "figures": told,
    }
    write_json(folder / MANIFEST, about)
    console.print(Text(f"{finished.name}: {len(told)} figures are in {folder}"))
    return kept


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
