"""What trials scored as they were trained: their snapshots by iteration and by training time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retable.metrics.protocol import Protocol
from retable.planning.plan import Plan
from retable.report.results.cells import FilledCell
from retable.report.results.load import Result
from retable.study.comparisons import EqualTime
from retable.trial.trial import Trial


@dataclass(frozen=True)
class Snapshot:
    """One place on a curve.

    Attributes:
        seconds: of training until then; evaluation is not counted.
        value: of the metric.
    """

    iteration: int
    seconds: float
    value: float


@dataclass(frozen=True)
class Curve:
    """The snapshots of one trial.

    Attributes:
        label: of the cell, among those that it is compared with.
        snapshots: in the order of training; at least one.
        protocol: of their scores.
        machine: device and workers, such as ``Tesla P100-PCIE-16GB, 1 worker``.
        own: seconds of what it requires and the others do not, such as an encoder; None if not known.
        note: such as ``collapsed at 400``.
    """

    label: str
    seed: int
    snapshots: tuple[Snapshot, ...]
    protocol: str
    machine: str
    own: float | None
    note: str = ""

    def until(self, seconds: float) -> Snapshot | None:
        """The last snapshot that was there after so many seconds of training."""
        return max(
            (one for one in self.snapshots if one.seconds <= seconds), key=lambda s: s.seconds, default=None
        )

    def at(self, iteration: int) -> Snapshot | None:
        """The snapshot of that iteration."""
        return next((one for one in self.snapshots if one.iteration == iteration), None)


@dataclass(frozen=True)
class Group:
    """Cells that are compared with one another.

    Attributes:
        label: what they have in common: a row, or a column.
        labels: theirs.
        curves: training seed -> the curves of its trials, in the order of `labels`; seeds that lack one are left out.
    """

    label: str
    labels: tuple[str, ...]
    curves: Mapping[int, tuple[Curve, ...]]


def groups(
    plan: Plan[Any], declared: EqualTime, cells: Sequence[FilledCell[Any]], results: Mapping[str, Result]
) -> list[Group]:
    """The cells of the declared table, by what they are compared within.

    Args:
        results: outcomes by signature, with those of the trials that the cells' require.
    """
    by_label: dict[str, dict[str, FilledCell[Any]]] = {}
    for one in cells:
        cell = one.cell
        if cell.table == declared.table and cell.metric == declared.metric and cell.config is not None:
            row, column = cell.row, cell.column
            common, own = (row, column) if declared.compared == "columns" else (column, row)
            by_label.setdefault(common, {})[own] = one
    return [
        Group(label, tuple(compared), dict(_curves(plan, declared.metric, compared, results)))
        for label, compared in by_label.items()
        if len(compared) > 1
    ]


def _curves(
    plan: Plan[Any], metric: str, compared: Mapping[str, FilledCell[Any]], results: Mapping[str, Result]
) -> list[tuple[int, tuple[Curve, ...]]]:
    found = []
    for number, seed in enumerate(plan.seeds):
        trials = {
            label: Trial(one.cell.config, seed, plan.data)
            for label, one in compared.items()
            if one.cell.config is not None
        }
        needed = {label: _needed(trial) for label, trial in trials.items()}
        shared = frozenset.intersection(*needed.values())
        curves = [
            _curve(label, seed, metric, one.outcomes[number], _taken(needed[label] - shared, results))
            for label, one in compared.items()
        ]
        if all(curves):
            found.append((seed, tuple(curve for curve in curves if curve is not None)))
    return found


def _curve(label: str, seed: int, metric: str, outcome: Result, own: float | None) -> Curve | None:
    """The curve of a trial; None where it has no snapshot, or nobody kept their times."""
    names = [name for scores in outcome.history.values() for name in scores]
    protocol = next((name for name in names if Protocol.parse(name).family == metric), None)
    if protocol is None or outcome.speed is None:
        return None
    snapshots = tuple(
        Snapshot(iteration, outcome.seconds[iteration], scores[protocol])
        for iteration, scores in sorted(outcome.history.items())
        if iteration in outcome.seconds and protocol in scores
    )
    workers = outcome.speed.workers or 1
    machine = f"{outcome.speed.device}, {workers} worker{'s' * (workers > 1)}"
    return Curve(label, seed, snapshots, protocol, machine, own, outcome.note) if snapshots else None


def _needed(trial: Trial) -> frozenset[str]:
    """Signatures of all trials that must be finished first."""
    required = trial.requires()
    return frozenset(one.signature for one in required).union(*(_needed(one) for one in required))


def _taken(signatures: frozenset[str], results: Mapping[str, Result]) -> float | None:
    """Seconds that those trials were trained for, or took where they train nothing; None where one does not say.

    Stored codes count with the time that one worker would have taken to encode them.
    """
    seconds = 0.0
    for signature in signatures:
        result = results.get(signature)
        if result is None or result.speed is None or result.wall_seconds is None:
            return None
        trained = result.speed.seconds is not None
        seconds += (result.speed.seconds or 0.0) * result.speed.iteration if trained else result.wall_seconds
    return seconds
