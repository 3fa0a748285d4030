"""Curves of trials: scores of their snapshots by iteration and by training time."""

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
    """Point on a curve.

    Attributes:
        seconds: training time until the snapshot, without evaluation.
        value: value of the metric.
    """

    iteration: int
    seconds: float
    value: float


@dataclass(frozen=True)
class Curve:
    """Curve of one trial.

    Attributes:
        label: label of the cell within its group.
        snapshots: snapshots in the order of training; at least one.
        protocol: protocol name of their scores.
        machine: device and workers, such as ``Tesla P100-PCIE-16GB, 1 worker``.
        own: seconds of the trials that only this one of the group requires, such as an encoder; None if not known.
        note: note on the result, such as ``collapsed at 400``.
    """

    label: str
    seed: int
    snapshots: tuple[Snapshot, ...]
    protocol: str
    machine: str
    own: float | None
    note: str = ""

    def until(self, seconds: float) -> Snapshot | None:
        """Last snapshot within that number of seconds of training; None if there is none."""
        return max(
            (one for one in self.snapshots if one.seconds <= seconds), key=lambda s: s.seconds, default=None
        )

    def at(self, iteration: int) -> Snapshot | None:
        """Snapshot of that iteration; None if there is none."""
        return next((one for one in self.snapshots if one.iteration == iteration), None)


@dataclass(frozen=True)
class Group:
    """Group of cells that are compared with one another.

    Attributes:
        label: label of their common row or column.
        labels: labels of the cells.
        curves: training seed -> curves of its trials, in the order of `labels`; incomplete seeds are left out.
    """

    label: str
    labels: tuple[str, ...]
    curves: Mapping[int, tuple[Curve, ...]]


def groups(
    plan: Plan[Any], declared: EqualTime, cells: Sequence[FilledCell[Any]], results: Mapping[str, Result]
) -> list[Group]:
    """Groups of a declared comparison: one for each row, or one for each column.

    Args:
        results: signature -> result, also of the trials that those of the cells require.
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
        required = {label: _required(trial) for label, trial in trials.items()}
        shared = frozenset.intersection(*required.values())
        curves = [
            _curve(label, seed, metric, one.outcomes[number], _seconds(required[label] - shared, results))
            for label, one in compared.items()
        ]
        if all(curves):
            found.append((seed, tuple(curve for curve in curves if curve is not None)))
    return found


def _curve(label: str, seed: int, metric: str, outcome: Result, own: float | None) -> Curve | None:
    """Curve of a trial; None if it has no snapshot, or if their times are not in the result."""
    names = [name for scores in outcome.history.values() for name in scores]
    protocol = next((name for name in names if Protocol.parse(name).family == metric), None)
    if protocol is None or outcome.throughput is None:
        return None
    snapshots = tuple(
        Snapshot(iteration, outcome.seconds[iteration], scores[protocol])
        for iteration, scores in sorted(outcome.history.items())
        if iteration in outcome.seconds and protocol in scores
    )
    workers = outcome.throughput.workers or 1
    machine = f"{outcome.throughput.device}, {workers} worker{'s' * (workers > 1)}"
    return Curve(label, seed, snapshots, protocol, machine, own, outcome.note) if snapshots else None


def _required(trial: Trial) -> frozenset[str]:
    """Signatures of all trials that the trial requires, directly or not."""
    required = trial.requires()
    return frozenset(one.signature for one in required).union(*(_required(one) for one in required))


def _seconds(signatures: frozenset[str], results: Mapping[str, Result]) -> float | None:
    """Training time of those trials, or wall time of those that train nothing; None if one is not known.

    Stored codes count with the time that one worker would have taken to encode them.
    """
    seconds = 0.0
    for signature in signatures:
        result = results.get(signature)
        if result is None or result.throughput is None or result.wall_seconds is None:
            return None
        of_update = result.throughput.seconds
        seconds += result.wall_seconds if of_update is None else of_update * result.throughput.iteration
    return seconds
