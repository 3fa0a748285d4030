"""Plan of a study: the unique trials behind its cells, each after the trials that it requires."""

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
    """Trial of a plan, with the cells that it fills.

    Attributes:
        name: name within the plan, made of the differing labels, such as ``s_t=2 S1=1 seed=0``.
        cells: the cells that it fills, such as ``9: Full, IS``.
        requires: signatures of the trials that must be finished before it.
    """

    trial: Trial
    name: str
    cells: tuple[str, ...]
    requires: tuple[str, ...]

    @property
    def signature(self) -> str:
        return self.trial.signature

    @property
    def cell(self) -> str:
        """First table row that it fills, such as ``9: Full``; its name if it fills none."""
        return self.cells[0].rpartition(", ")[0] if self.cells else self.name


@dataclass(frozen=True)
class Plan(Generic[C]):
    """Plan of a study at a scale.

    Attributes:
        data: content fingerprint of the data set, or ``absent`` if it could not be read.
        seeds: training seeds.
        tables: number of each table -> number of its rows; None for all rows.
        trials: all trials, each before those that require it.
    """

    study: Study[C]
    scale: Scale[C]
    data: str
    seeds: tuple[int, ...]
    tables: Mapping[str, int | None]
    trials: tuple[PlannedTrial, ...]

    def cells(self) -> list[Cell[C]]:
        """Cells of all tables in the plan."""
        return [
            cell
            for number, limit in self.tables.items()
            for cell in self.study.cells(self.study.table(number), self.scale, limit)
        ]

    def signatures_by_cell(self) -> dict[str, set[str]]:
        """Cell, such as ``9: Full, IS`` -> signatures of the trials that fill it, one for each seed."""
        found: dict[str, set[str]] = {}
        for planned in self.trials:
            for cell in planned.cells:
                found.setdefault(cell, set()).add(planned.signature)
        return found


def make_plan(
    study: Study[C],
    scale: Scale[C],
    data: str,
    *,
    tables: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> Plan[C]:
    """Make the plan of a study at a scale. Starts nothing and touches no file.

    Args:
        data: content fingerprint of the data set.
        tables: numbers of the tables, with all their rows; None for the scale's default.
        seeds: training seeds; None for the scale's default.

    Raises:
        ValueError: a table is not declared.
    """
    chosen = dict(scale.tables) if tables is None else dict.fromkeys(tables)
    seeds = tuple(scale.seeds if seeds is None else seeds)
    cells: dict[Trial, list[str]] = {}
    for number, limit in chosen.items():
        for cell in study.cells(study.table(number), scale, limit):
            if cell.config is not None:
                for seed in seeds:
                    name = f"{cell.table}: {cell.row}, {cell.column}"
                    cells.setdefault(_canonical(Trial(cell.config, seed, data)), []).append(name)
    return Plan(study, scale, data, seeds, chosen, plan_trials(cells))


def plan_trials(cells: Mapping[Trial, Sequence[str]]) -> tuple[PlannedTrial, ...]:
    """Plan trials and all that they require, each once and after those that it requires.

    Args:
        cells: trial with its config in canonical form -> the cells that it fills.
    """
    ordered = _with_requirements(cells)
    names = _names(ordered)
    return tuple(
        PlannedTrial(
            trial=trial,
            name=names[trial.signature],
            cells=tuple(cells.get(trial, ())),
            requires=tuple(required.signature for required in trial.requires()),
        )
        for trial in ordered
    )


def runnable(trials: Sequence[PlannedTrial], impossible: Container[str]) -> tuple[PlannedTrial, ...]:
    """Trials that can run and that fill a cell or are required by such a trial.

    Args:
        trials: trials, each after those that it requires.
        impossible: signatures of the trials that can't run.
    """
    kept: list[PlannedTrial] = []
    required: set[str] = set()
    for planned in reversed(trials):
        if planned.signature not in impossible and (planned.cells or planned.signature in required):
            kept.append(planned)
            required.update(planned.requires)
    return tuple(reversed(kept))


def _canonical(trial: Trial) -> Trial:
    """The trial with its config in canonical form, so that equal trials are equal values."""
    return Trial(trial.config.canonical(), trial.seed, trial.data)


def _with_requirements(trials: Iterable[Trial]) -> list[Trial]:
    """Trials and all that they require, each once, requirements first."""
    ordered: dict[Trial, None] = {}

    def visit(trial: Trial) -> None:
        for required in trial.requires():
            visit(_canonical(required))
        ordered.setdefault(trial)

    for trial in trials:
        visit(trial)
    return list(ordered)


def differing_labels(trials: Iterable[Trial]) -> dict[str, set[Label]]:
    """Config labels that differ among the trials, in the order of the configs -> their values."""
    values: dict[str, set[Label]] = {}
    for trial in trials:
        for key, value in trial.config.labels().items():
            values.setdefault(key, set()).add(value)
    return {key: found for key, found in values.items() if len(found) > 1}


def families(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Trials by the name of their trainable."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.config.trainable, []).append(trial)
    return found


def _names(trials: Sequence[Trial]) -> dict[str, str]:
    """Signature -> name of the trial: the labels that differ within its family, and the seed if there are several.

    A toggle (0 or 1 in every trial) is in the name if it is on; empty labels are left out.
    """
    names = {}
    for trainable, family in families(trials).items():
        differing = differing_labels(family)
        several_seeds = len({trial.seed for trial in family}) > 1
        for trial in family:
            labels = trial.config.labels()
            texts = [_label_text(key, labels.get(key), values) for key, values in differing.items()]
            texts.append(f"seed={trial.seed}" if several_seeds else "")
            names[trial.signature] = " ".join(filter(None, texts)) or trainable
    return names


def _label_text(key: str, value: Label | None, values: set[Label]) -> str:
    if values <= {0, 1}:
        return key if value else ""
    if value == "":
        return ""
    return f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
