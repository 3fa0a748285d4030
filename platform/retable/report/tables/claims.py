"""The verdict on each of a study's claims: by the paper's own numbers, and by what was trained here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retable.planning.plan import Plan, make_plan
from retable.report.results.cells import FilledCell
from retable.report.results.evidence import NOT_TRAINED, SAME_TRIAL, Evidence, gather
from retable.report.results.statistics import ALPHA, Paired, holm, paired, seeds_to_decide
from retable.report.tables.paper_check import PaperCheck, check_paper, sign_of
from retable.study.claims import Claim, Comparison, Place
from retable.study.scale import Scale
from retable.study.study import Study
from retable.trial.config import C

Word = Literal["supported", "contradicted", "inconclusive", "not trained", "not comparable"]


@dataclass(frozen=True)
class Effect:
    """The comparison that a claim hangs on, of those that it amounts to the one that goes least its way.

    Attributes:
        words: the comparison.
        metric: family whose unit the difference is in.
        size: the differences over seeds; positive agrees with the claim.
        seeds: the training seeds that they are paired by.
    """

    words: str
    metric: str
    size: Paired
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Judged:
    """What is to be said of one claim.

    Attributes:
        why: what the verdict rests on, or what it lacks.
        effect: None where nothing was trained for any of its comparisons.
        p: of the claim's test, corrected by Holm over the claims that could be tested; None where it could not.
        seeds_to_decide: how many training seeds would; None where that can't be told.
    """

    claim: Claim
    paper: PaperCheck
    verdict: Word
    why: str
    effect: Effect | None = None
    p: float | None = None
    seeds_to_decide: int | None = None


def claims_plan(study: Study[C], scale: Scale[C], data: str, seeds: Sequence[int] | None = None) -> Plan[C]:
    """The plan of all tables that the claims speak of, run or not: its trials are those whose results they need."""
    named = {place.table for claim in study.claims for place in claim.cells()}
    tables = [table.number for table in study.tables if table.number in named]
    return make_plan(study, scale, data, tables=tables, seeds=seeds)


def judge(
    plan: Plan[C], cells: Sequence[FilledCell[C]], paper_protocols: Mapping[str, str] | None = None
) -> list[Judged]:
    """A verdict on each claim, at the plan's scale.

    A claim is supported when each of its comparisons is: the largest of their one-sided p. It is contradicted when one
    is turned round: the smallest, times their number. Twice the lesser of the two is the claim's p, which Holm's method
    corrects over all claims that could be tested. A single seed decides nothing.

    Args:
        plan: `claims_plan`'s.
        cells: its cells (`retable.report.results.cells.filled_cells`).
        paper_protocols: metric family -> name of the protocol behind the paper's numbers, where it is known.
    """
    at = {Place(one.cell.table, one.cell.row, one.cell.column): one for one in cells}
    gathered = [
        [_evidence(plan, at, comparison, paper_protocols or {}) for comparison in claim.holds]
        for claim in plan.study.claims
    ]
    tests = [_test(evidence) for evidence in gathered]
    tested = [test for test in tests if test is not None]
    corrected = iter(holm([test.p for test in tested]))
    return [
        _judged(plan, at, claim, evidence, test, len(tested), None if test is None else next(corrected))
        for claim, evidence, test in zip(plan.study.claims, gathered, tests, strict=True)
    ]


@dataclass(frozen=True)
class _Test:
    """A claim's test before it is corrected."""

    p: float
    agrees: bool


def _evidence(
    plan: Plan[Any],
    at: Mapping[Place, FilledCell[Any]],
    comparison: Comparison,
    paper_protocols: Mapping[str, str],
) -> Evidence:
    """The comparison's differences by seed, positive where they agree with it."""
    sign = sign_of(plan.study, comparison)
    terms = [(at[place], sign * weight) for place, weight in comparison.terms]
    protocol = paper_protocols.get(terms[0][0].cell.metric)
    return gather(terms, plan.seeds, plan.scale, protocol)


def _test(evidence: Sequence[Evidence]) -> _Test | None:
    """The claim's p, if each of its comparisons has two seeds at least."""
    sizes = [paired(list(one.by_seed.values())) for one in evidence if one.by_seed]
    if len(sizes) < len(evidence) or any(size.p is None for size in sizes):
        return None
    one_sided = [_one_sided(size) for size in sizes]
    agree, against = max(one_sided), min(1.0, len(sizes) * min(1 - p for p in one_sided))
    return _Test(min(1.0, 2 * min(agree, against)), agree < against)


def _one_sided(size: Paired) -> float:
    """p against the mean's being above 0."""
    assert size.p is not None
    return size.p / 2 if size.mean > 0 else 1 - size.p / 2


def _judged(
    plan: Plan[Any],
    at: Mapping[Place, FilledCell[Any]],
    claim: Claim,
    evidence: Sequence[Evidence],
    test: _Test | None,
    tested: int,
    p: float | None,
) -> Judged:
    paper = check_paper(plan.study, claim)
    effects = _effects(plan, at, claim, evidence)
    effect = effects[0] if effects else None
    if test is None or p is None:
        verdict, why = _untested(evidence, effects)
        return Judged(claim, paper, verdict, why, effect)
    seeds = {len(one.by_seed) for one in evidence}
    count = f"{min(seeds)} seeds"
    if p < ALPHA:
        return Judged(claim, paper, "supported" if test.agrees else "contradicted", count, effect, p)
    needed = _needed(effects, tested)
    told = f"{needed} would decide it at the spread seen" if needed else "no number in reach would decide it"
    return Judged(claim, paper, "inconclusive", f"with {count}; {told}", effect, p, needed)


def _effects(
    plan: Plan[Any], at: Mapping[Place, FilledCell[Any]], claim: Claim, evidence: Sequence[Evidence]
) -> list[Effect]:
    """The comparisons that have numbers, the one that goes least the claim's way first."""
    found = []
    for comparison, one in zip(claim.holds, evidence, strict=True):
        if one.by_seed:
            size = paired(list(one.by_seed.values()))
            metric = plan.study.metric(comparison.terms[0][0])
            level = max(abs(_level(at[place])) for place, _ in comparison.terms)
            rank = (
                1 - _one_sided(size) if size.p is not None else 0.0,
                size.mean / size.std if size.std else 0.0,  # where p is 0 or 1 in floats
                size.mean / level if level else size.mean,
            )
            found.append((rank, Effect(comparison.text, metric, size, tuple(one.by_seed))))
    return [effect for _, effect in sorted(found, key=lambda pair: (pair[0], pair[1].words))]


def _level(cell: FilledCell[Any]) -> float:
    return next((summary.value for summary in cell.summaries.values()), 0.0)


def _untested(evidence: Sequence[Evidence], effects: Sequence[Effect]) -> tuple[Word, str]:
    """The verdict where some comparison has no number, or a single seed."""
    agree = sum(effect.size.mean > 0 for effect in effects)
    direction = f"{agree} of {len(effects)} agree in direction" if len(effects) > 1 else _direction(effects)
    reasons = [one.why for one in evidence if one.why]
    if NOT_TRAINED in reasons:
        if not effects:
            return "not trained", ""
        return "not trained", f"{len(effects)} of {len(evidence)} comparisons have numbers; {direction}"
    if reasons:
        incomparable = all(why.startswith("not comparable") or why == SAME_TRIAL for why in reasons)
        return ("not comparable" if incomparable else "inconclusive"), "; ".join(dict.fromkeys(reasons))
    return "inconclusive", f"with 1 seed; {direction}"


def _direction(effects: Sequence[Effect]) -> str:
    return "the direction agrees" if effects and effects[0].size.mean > 0 else "the direction disagrees"


def _needed(effects: Sequence[Effect], tested: int) -> int | None:
    """Seeds that would decide the comparison which the claim hangs on, at the level of Holm's first step."""
    size = effects[0].size
    share = tested if size.mean > 0 else tested * len(effects)
    needed = seeds_to_decide(size.mean, size.std or 0.0, ALPHA / share)
    return None if needed is None else max(needed, size.n_seeds + 1)
