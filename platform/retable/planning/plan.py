"""Study -> plan: the unique trials behind the cells, in an order in which each finds what it requires."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Cell
from retable.trial.config import C
from retable.trial.identity import Label
from retable.trial.trial import Trial


@dataclass(frozen=True)
class PlannedTrial:
    """One trial to be trained once, and where its numbers go.

    Attributes:
        name: what tells it from its neighbours in the plan, such as ``s_t=2 S1=1 · seed 0``.
        places: the cells that it fills, such as ``9: Full, IS``.
        requires: signatures of the trials that must be finished first.
    """

    trial: Trial
    name: str
    places: tuple[str, ...]
    requires: tuple[str, ...]

    @property
    def signature(self) -> str:
        return self.trial.signature

    @property
    def cell(self) -> str:
        """The first table row that it fills, such as ``9: Full``; its name if it fills none."""
        return self.places[0].rpartition(", ")[0] if self.places else self.name


@dataclass(frozen=True)
class Plan(Generic[C]):
    """What a study at a scale amounts to.

    Attributes:
        data: content fingerprint of the data set, or ``absent`` where it could not be read.
        tables: number of each table -> how many of its rows (None: all).
        trials: each before those that require it.
    """

    study: Study[C]
    scale: Scale[C]
    data: str
    seeds: tuple[int, ...]
    tables: Mapping[str, int | None]
    trials: tuple[PlannedTrial, ...]

    def cells(self) -> list[Cell[C]]:
        """Every cell of every table in the plan."""
        return [
            cell
            for number, limit in self.tables.items()
            for cell in self.study.cells(self.study.table(number), self.scale, limit)
        ]

    def signatures_by_place(self) -> dict[str, set[str]]:
        """Each cell that trials fill, such as ``9: Full, IS`` -> their signatures, one for each seed."""
        found: dict[str, set[str]] = {}
        for planned in self.trials:
            for place in planned.places:
                found.setdefault(place, set()).add(planned.signature)
        return found


def make_plan(
    study: Study[C],
    scale: Scale[C],
    data: str,
    *,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> Plan[C]:
    """Work out the trials of a study. Starts nothing and touches no file.

    Args:
        data: content fingerprint of the data set.
        tables: numbers of the tables wanted, all their rows; None for the scale's default.
        seeds: training seeds; None for the scale's default.

    Raises:
        ValueError: a table is not declared.
    """
    wanted = dict(scale.tables) if tables is None else dict.fromkeys(tables)
    chosen = tuple(scale.seeds if seeds is None else seeds)
    places: dict[Trial, list[str]] = {}
    for number, limit in wanted.items():
        for cell in study.cells(study.table(number), scale, limit):
            if cell.config is not None:
                for seed in chosen:
                    place = f"{cell.table}: {cell.row}, {cell.column}"
                    places.setdefault(_canonical(Trial(cell.config, seed, data)), []).append(place)
    return Plan(study, scale, data, chosen, wanted, plan_trials(places))


def plan_trials(places: Mapping[Trial, Sequence[str]]) -> tuple[PlannedTrial, ...]:
    """These trials and all that they require, each once and after those that it requires.

    Args:
        places: trial, its config in canonical form -> the cells that it fills.
    """
    ordered = _with_requirements(places)
    names = _names(ordered)
    return tuple(
        PlannedTrial(
            trial=trial,
            name=names[trial.signature],
            places=tuple(places.get(trial, ())),
            requires=tuple(required.signature for required in trial.requires()),
        )
        for trial in ordered
    )


def runnable(trials: Sequence[PlannedTrial], impossible: Container[str]) -> tuple[PlannedTrial, ...]:
    """The trials that can run, and that a cell or another of them asks for.

    Args:
        trials: each after those that it requires.
        impossible: signatures of those that can't run.
    """
    kept: list[PlannedTrial] = []
    asked: set[str] = set()
    for planned in reversed(trials):
        if planned.signature not in impossible and (planned.places or planned.signature in asked):
            kept.append(planned)
            asked.update(planned.requires)
    return tuple(reversed(kept))


def _canonical(trial: Trial) -> Trial:
    """The trial with its config in canonical form: equal trials become equal values."""
    return Trial(trial.config.canonical(), trial.seed, trial.data)


def _with_requirements(trials: Iterable[Trial]) -> list[Trial]:
    """The trials and all that they require, each once, requirements first."""
    ordered: dict[Trial, None] = {}

    def visit(trial: Trial) -> None:
        for required in trial.requires():
            visit(_canonical(required))
        ordered.setdefault(trial)

    for trial in trials:
        visit(trial)
    return list(ordered)


def differing_labels(trials: Iterable[Trial]) -> dict[str, set[Label]]:
    """The labels that are not the same for all of these trials, in the order in which their configs give them.

    Returns:
        Each with the values that it has.
    """
    values: dict[str, set[Label]] = {}
    for trial in trials:
        for key, value in trial.config.labels().items():
            values.setdefault(key, set()).add(value)
    return {key: found for key, found in values.items() if len(found) > 1}


def families(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """The trials by the name of their trainable."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.config.trainable, []).append(trial)
    return found


def _names(trials: Sequence[Trial]) -> dict[str, str]:
    """For each signature, the labels that differ among the trials of its family, and the seed if several do.

    A toggle (0 or 1 in every trial) is named where it is on, and what is empty is not named.
    """
    names = {}
    for trainable, family in families(trials).items():
        differing = differing_labels(family)
        several_seeds = len({trial.seed for trial in family}) > 1
        for trial in family:
            labels = trial.config.labels()
            words = [_word(key, labels.get(key), values) for key, values in differing.items()]
            words.append(f"seed={trial.seed}" if several_seeds else "")
            names[trial.signature] = " ".join(filter(None, words)) or trainable
    return names


def _word(key: str, value: Label | None, values: set[Label]) -> str:
    if values <= {0, 1}:
        return key if value else ""
    if value == "":
        return ""
    return f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
