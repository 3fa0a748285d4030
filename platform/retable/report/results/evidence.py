"""A weighted sum of cells for each training seed, or why there is none: what differences and verdicts rest on."""

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
"""Cells and weights; weights add up to 0."""


@dataclass(frozen=True)
class Evidence:
    """What the finished trials say of one weighted sum.

    Attributes:
        by_seed: training seed -> the sum over that seed's trials; empty where `why` is not.
        why: `NOT_TRAINED`, or why there is no number to go by.
    """

    by_seed: Mapping[int, float] = field(default_factory=dict)
    why: str = ""


def gather(
    terms: Terms, seeds: Sequence[int], scale: Scale[Any], paper_protocol: str | None = None
) -> Evidence:
    """The sum for each seed that all of its trials were finished with.

    A number that the paper took from others counts at every seed, where ours may be compared with the paper's.

    Args:
        seeds: the training seeds, in the order of the cells' outcomes.
        paper_protocol: name of the protocol behind the paper's numbers, or None if it is not known.
    """
    ours = [(cell, weight) for cell, weight in terms if cell.outcomes]
    if any(cell.state.endswith("not run") and not cell.summaries for cell, _ in ours):
        return Evidence(why=NOT_TRAINED)
    # A collapsed trial shows what its last good snapshot scored, but is no evidence for what the model can do.
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
    """Whether the weights of each trial add up to 0, so that the sum is 0 whatever is trained."""
    weights: Counter[str] = Counter()
    for cell, weight in ours:
        weights[cell.outcomes[0].signature] += weight
    return not any(weights.values())


def _quoted(terms: Terms, scale: Scale[Any], protocol: str, paper_protocol: str | None) -> tuple[float, str]:
    """The part of the sum that is quoted, and why it may not stand beside numbers of ours."""
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
