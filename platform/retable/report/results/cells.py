"""Cells of a study filled with the results of their trials; all tables are made from them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from retable.metrics.protocol import Protocol, comparable
from retable.planning.plan import Plan
from retable.report.results.epoch_minutes import with_minutes
from retable.report.results.load import Result
from retable.report.results.statistics import Summary, summarise
from retable.store.records import FINISHED
from retable.study.scale import Scale
from retable.study.table import Cell
from retable.trial.config import C
from retable.trial.learner import Score
from retable.trial.trial import Trial

NO_NUMBER = "the paper has no number"
MIXED = "protocols differ between seeds: not averaged"


@dataclass(frozen=True)
class FilledCell(Generic[C]):
    """Cell with the results of its trials.

    Attributes:
        outcomes: results, one for each training seed of the plan; empty for a number that the paper cites from others.
        summaries: protocol name -> summary of the finished seeds' scores under it. Empty if there are no scores. Scores
            under several protocols are never averaged.
        difference: our number minus the paper's, or None.
        why_no_difference: reason why there is a number but no difference.
    """

    cell: Cell[C]
    outcomes: tuple[Result, ...]
    summaries: Mapping[str, Summary]
    difference: float | None
    why_no_difference: str

    @property
    def state(self) -> str:
        """State such as ``done``, ``not run``, ``cannot run``, ``collapsed at 400``, ``quoted``; counts if seeds differ."""
        if not self.outcomes:
            return "cannot run" if self.cell.obstacle else "quoted"
        counts = Counter(outcome.state_text for outcome in self.outcomes)
        if set(counts) == {"done"} and not self.summaries:
            return f"no {self.cell.metric} score"
        if len(counts) == 1:
            return next(iter(counts))
        return ", ".join(f"{count} {state}" for state, count in counts.items())


def filled_cells(
    plan: Plan[C], results: Mapping[str, Result], paper_protocols: Mapping[str, str] | None = None
) -> list[FilledCell[C]]:
    """Fill all cells of the plan's tables.

    Args:
        results: signature -> result; trials without one were not run.
        paper_protocols: metric family -> protocol name of the published numbers. Only cells under exactly that protocol
            get a difference.
    """
    return [_fill(plan, cell, results, paper_protocols or {}) for cell in plan.cells()]


def _fill(
    plan: Plan[C], cell: Cell[C], results: Mapping[str, Result], paper_protocols: Mapping[str, str]
) -> FilledCell[C]:
    outcomes: tuple[Result, ...] = ()
    if cell.config is not None:
        signatures = [Trial(cell.config, seed, plan.data).signature for seed in plan.seeds]
        found = (results.get(signature, Result(signature, "missing")) for signature in signatures)
        outcomes = tuple(with_minutes(outcome, cell.config) for outcome in found)
    scores = _by_protocol(outcomes, cell.metric)
    summaries = {protocol: summarise(those) for protocol, those in scores.items()}
    reason = _why_no_difference(cell, plan.scale, list(scores), paper_protocols.get(cell.metric))
    difference = None
    if summaries and not reason and cell.published is not None and cell.published.value is not None:
        difference = next(iter(summaries.values())).value - cell.published.value
    return FilledCell(cell, outcomes, summaries, difference, reason)


def _by_protocol(outcomes: Sequence[Result], metric: str) -> dict[str, list[Score]]:
    """Scores of the finished trials in one metric family, by protocol name."""
    scores: dict[str, list[Score]] = {}
    for outcome in outcomes:
        # The scores of a collapsed trial are those of its last good snapshot, and the cell says so.
        if outcome.state in FINISHED:
            for name, score in outcome.scores.items():
                if Protocol.parse(name).family == metric:
                    scores.setdefault(name, []).append(score)
    return scores


def _why_no_difference(cell: Cell[C], scale: Scale[C], protocols: Sequence[str], papers: str | None) -> str:
    if not protocols:
        return ""
    if len(protocols) > 1:
        return MIXED
    if cell.published is None or cell.published.value is None:
        return NO_NUMBER
    if scale.reason:
        return scale.reason
    if papers is None:
        return f"not comparable: the protocol of the paper's {cell.metric} is unknown"
    return comparable(Protocol.parse(protocols[0]), Protocol.parse(papers))
