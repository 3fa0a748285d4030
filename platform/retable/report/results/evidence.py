"""Evidence for differences and verdicts: a weighted sum of cells for each training seed, or the reason for none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retable.metrics.protocol import Protocol, comparable
from retable.report.results.cells import MIXED, FilledCell
from retable.study.scale import Scale

NOT_TRAINED = "not trained"
SAME_TRIAL = "both sides are the same trial at this scale"
NO_COMMON_SEED = "no seed has all scores"

Terms = Sequence[tuple[FilledCell[Any], int]]
"""Cells and their weights."""


@dataclass(frozen=True)
class Evidence:
    """Evidence of the finished trials for one weighted sum.

    Attributes:
        by_seed: training seed -> sum over the trials of that seed; empty if there is a reason in `why`.
        why: `NOT_TRAINED` or another reason why there is no number; else empty.
    """

    by_seed: Mapping[int, float] = field(default_factory=dict)
    why: str = ""


def gather(
    terms: Terms, seeds: Sequence[int], scale: Scale[Any], paper_protocol: str | None = None
) -> Evidence:
    """Weighted sum for each seed whose trials are all finished.

    A number that the paper cites from others counts for every seed, if our numbers may be compared with the paper's.

    Args:
        terms: cells and their weights.
        seeds: training seeds, in the order of the cells' outcomes.
        paper_protocol: protocol name of the paper's numbers; None if it is not known.
    """
    ours = [(cell, weight) for cell, weight in terms if cell.outcomes]
    if any(cell.state.endswith("not run") and not cell.summaries for cell, _ in ours):
        return Evidence(why=NOT_TRAINED)
    # A collapsed trial shows the scores of its last good snapshot, but these are no evidence for the model.
    if without := [cell for cell, _ in ours if not (cell.summaries and _done(cell))]:
        return Evidence(why=f"{without[0].cell.row}, {without[0].cell.column}: {without[0].state}")
    protocols = sorted({name for cell, _ in ours for name in cell.summaries})
    if len(protocols) > 1:
        mixed = any(len(cell.summaries) > 1 for cell, _ in ours)
        return Evidence(why=MIXED if mixed else comparable(*map(Protocol.parse, protocols[:2])))
    if not ours or _cancels(ours):
        return Evidence(why=SAME_TRIAL)
    quoted, why = 0.0, ""
    if len(ours) < len(terms):
        quoted, why = _quoted(terms, scale, protocols[0], paper_protocol)
    if why:
        return Evidence(why=why)
    sums: dict[int, float] = {}
    for number, seed in enumerate(seeds):
        outcomes = [(cell.outcomes[number], weight) for cell, weight in ours]
        if all(one.state == "done" and protocols[0] in one.scores for one, _ in outcomes):
            sums[seed] = quoted + sum(weight * one.scores[protocols[0]].value for one, weight in outcomes)
    return Evidence(sums, "" if sums else NO_COMMON_SEED)


def _done(cell: FilledCell[Any]) -> bool:
    return any(outcome.state == "done" for outcome in cell.outcomes)


def _cancels(ours: Terms) -> bool:
    """True if the weights of each trial add up to 0, so that the sum is 0 for all results."""
    weights: Counter[str] = Counter()
    for cell, weight in ours:
        weights[cell.outcomes[0].signature] += weight
    return not any(weights.values())


def _quoted(terms: Terms, scale: Scale[Any], protocol: str, paper_protocol: str | None) -> tuple[float, str]:
    """Weighted sum of the cited numbers, and the reason why they may not be compared with ours."""
    if scale.reason:
        return 0.0, scale.reason
    if paper_protocol is None:
        return 0.0, "not comparable: the protocol of the quoted number is unknown"
    if why := comparable(Protocol.parse(protocol), Protocol.parse(paper_protocol)):
        return 0.0, why
    quoted = [(cell.cell, weight) for cell, weight in terms if not cell.outcomes]
    total = 0.0
    for cell, weight in quoted:
        if cell.published is None or cell.published.value is None:
            return 0.0, f"the paper has no number for {cell.row}"
        total += weight * cell.published.value
    return total, ""
