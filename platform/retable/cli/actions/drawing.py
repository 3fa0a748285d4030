"""Drawing: the figures of one finished trial, or those of a study's finished trials and of all of them together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.text import Text

from retable.figures.compare import comparison
from retable.figures.draw import joint_figures, trial_figures
from retable.figures.kinds import Curves, Film
from retable.figures.trained_trial import NothingToDraw, TrainedTrial, descriptions, find, opened
from retable.io.console import progress_bar
from retable.io.files import write_json
from retable.planning.plan import Plan, PlannedTrial
from retable.report.results.numbers import counted
from retable.store.formats.layout import ResultsFolder
from retable.study.scale import Scale
from retable.study.study import Study
from retable.trial.figures import Figure
from retable.trial.trial import Trial

MANIFEST = "figures.json"


def draw_trial(
    results: Path, prefix: str, samples: int, console: Console, *, data: Path | None = None
) -> int:
    """Draw the figures of the trial whose signature begins so, into ``figures/<signature>``.

    Args:
        results: folder of the trials.
        samples: generated samples behind a measured curve.
        data: the data set, for figures that show it; where it lies by default, if that is known.

    Raises:
        NothingToDraw: there is no such trial, more than one, it is not finished, or its family has no figures.
        ValueError: it is of a family or version that is not here.
    """
    trial, name = find(results, prefix)
    if not _has_figures(trial):
        raise NothingToDraw(f"trial {trial.signature} is a {trial.config.trainable}, which has no figures")
    _draw(opened(results, trial, name, _device(), data), results, samples, console)
    return 0


def draw_study(
    study: Study[Any],
    scale: Scale[Any],
    results: Path,
    samples: int,
    console: Console,
    *,
    plan: Callable[[str], Plan[Any]],
    data: Path | None = None,
) -> int:
    """Draw the figures of a study's finished trials, and of several what they show together, into ``figures/<study>_<scale>``.

    The trials are those in `results` whatever data set they were trained on; only what shows the data set itself needs it.
    Those that were never begun are named.

    Args:
        plan: fingerprint of a data set -> what is asked for of the study over it.

    Raises:
        NothingToDraw: none is finished, or none but what others require.
        ValueError: a table is not declared.
    """
    begun, absent = _planned(plan, results)
    required = {signature for planned in (*begun, *absent) for signature in planned.requires}
    asked = False
    figures: dict[str, list[Figure]] = {}
    drawn: list[TrainedTrial] = []
    missing = 0
    for planned in begun:
        try:
            finished = opened(results, planned.trial, planned.name, _device(), data)
            finished = replace(finished, scale=scale.name)
            shown = _draw(finished, results, samples, console)
        except NothingToDraw as reason:
            console.print(Text(f"{planned.name}: {reason}", style="yellow"))
            missing += 1
            continue
        name = planned.name if planned.name not in figures else f"{planned.name} {planned.signature[:6]}"
        figures[name] = shown
        drawn.append(replace(finished, name=name))
        asked = asked or bool(planned.cells) or planned.signature not in required
    if len(figures) > 1:
        folder = ResultsFolder(results).figures(f"{study.name}_{scale.name}")
        told = _draw_joint_figures(figures, drawn, folder, f"[{scale.name} scale]", console)
        trials = {one.trial.signature: {"name": one.name, "iteration": one.iteration} for one in drawn}
        about = {"study": study.name, "scale": scale.name, "trials": trials, "figures": told}
        write_json(folder / MANIFEST, about)
        console.print(Text(f"{len(told)} figures of {len(figures)} trials together are in {folder}"))
    if missing:
        console.print(f"{missing} trials are not drawn, for the reasons above.")
    if absent:
        rows = dict.fromkeys(f"{planned.cell}, seed {planned.trial.seed}" for planned in absent)
        console.print(Text(f"Not drawn, for they were never begun: {'; '.join(rows)}", style="yellow"))
    if not asked:
        raise NothingToDraw(
            f"no trial of {study.name} at scale {scale.name} that has figures is finished in {results}"
            f"{', but what others require' if figures else ''}; train it first, or choose another --scale, --tables, "
            "--seeds or --out"
        )
    return 0


def _planned(
    plan: Callable[[str], Plan[Any]], results: Path
) -> tuple[list[PlannedTrial], list[PlannedTrial]]:
    """The study's trials that have figures, over every data set that a trial in `results` was trained on.

    Returns:
        Those that were ever begun, and those that were begun on none of the data sets.
    """
    known = descriptions(results)
    data = sorted({str(one.identity["data"]) for one in known.values()})
    wanted = [planned for which in data for planned in plan(which).trials if _has_figures(planned.trial)]
    begun = [planned for planned in wanted if planned.signature in known]
    alike = {(planned.trial.config, planned.trial.seed) for planned in begun}
    return begun, [planned for planned in wanted if (planned.trial.config, planned.trial.seed) not in alike]


def _has_figures(trial: Trial) -> bool:
    return bool(trial.config.figures)


def _draw(finished: TrainedTrial, results: Path, samples: int, console: Console) -> list[Figure]:
    """Draw a trial's figures; last comes ``figures.json``, which says what they are.

    Returns:
        The figures to compare it by: its first film, and its curves. Sheets are large, and let go.

    Raises:
        NothingToDraw: none can be drawn.
    """
    trial = finished.trial
    folder = ResultsFolder(results).figures(trial.signature)
    kept: list[Figure] = []

    def noted(figures: Iterable[Figure]) -> Iterator[Figure]:
        for figure in figures:
            if isinstance(figure, Curves) or (isinstance(figure, Film) and not kept):
                kept.append(figure)
            yield figure

    with progress_bar(console, f"Drawing {finished.name}") as progress:
        figures = noted(trial_figures(finished, samples, progress))
        told = _written(figures, folder, finished.stamp, console)
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
    console.print(Text(f"{finished.name}: {counted(len(told), 'figure')} in {folder}"))
    return kept


def _draw_joint_figures(
    figures: Mapping[str, Sequence[Figure]],
    drawn: Sequence[TrainedTrial],
    folder: Path,
    stamp: str,
    console: Console,
) -> list[dict[str, object]]:
    """Draw the figures of all trials, and then the figures of several trials of each family."""
    told = _written(comparison(figures), folder, stamp, console)
    for config in dict.fromkeys(type(one.trial.config) for one in drawn):
        own = [one for one in drawn if type(one.trial.config) is config]
        if len(own) > 1:
            with progress_bar(console, f"Drawing {len(own)} {config.trainable}s together") as progress:
                try:
                    told += _written(joint_figures(own, progress), folder, stamp, console)
                except NothingToDraw as reason:
                    console.print(Text(str(reason), style="yellow"))
    return told


def _written(
    figures: Iterable[Figure], folder: Path, stamp: str, console: Console
) -> list[dict[str, object]]:
    """Write figures until one of them can't be drawn, and print the reason. Returns the figures' entries in the manifest.

    Raises:
        NothingToDraw: none can be drawn.
    """
    told: list[dict[str, object]] = []
    try:
        for figure in figures:
            files = [file.name for file in figure.write(folder, stamp)]
            told.append({"name": figure.name, "caption": figure.caption, "files": files})
    except NothingToDraw as reason:
        if not told:
            raise
        console.print(Text(f"Without the figures after {told[-1]['name']}: {reason}", style="yellow"))
    return told


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
