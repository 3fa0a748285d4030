"""Verdicts on the claims of a study, by the paper's own numbers and by the results of the trials."""

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

Verdict = Literal["supported", "contradicted", "inconclusive", "not trained", "not comparable"]


@dataclass(frozen=True)
class Effect:
    """Effect of the decisive comparison: of all comparisons of a claim, the one that agrees least with it.

    Attributes:
        text: text of the comparison.
        metric: metric family, in whose unit the differences are.
        size: differences over seeds; positive agrees with the claim.
        seeds: training seeds of the pairs.
    """

    text: str
    metric: str
    size: Paired
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class ClaimVerdict:
    """Verdict on one claim.

    Attributes:
        paper: check of the claim by the paper's own numbers.
        why: basis of the verdict, or the reason why there is none.
        effect: effect of the decisive comparison; None if no comparison has numbers.
        p: p of the claim's test, corrected by Holm's method over all claims with a test; None without a test.
        seeds_to_decide: number of training seeds that would decide an inconclusive claim; None if it is not known.
    """

    claim: Claim
    paper: PaperCheck
    verdict: Verdict
    why: str
    effect: Effect | None = None
    p: float | None = None
    seeds_to_decide: int | None = None


def claims_plan(study: Study[C], scale: Scale[C], data: str, seeds: Sequence[int] | None = None) -> Plan[C]:
    """Plan of all tables that the claims refer to. Its trials are those whose results the verdicts need."""
    named = {cell.table for claim in study.claims for cell in claim.cells()}
    tables = [table.number for table in study.tables if table.number in named]
    return make_plan(study, scale, data, tables=tables, seeds=seeds)


def claim_verdicts(
    plan: Plan[C], cells: Sequence[FilledCell[C]], paper_protocols: Mapping[str, str] | None = None
) -> list[ClaimVerdict]:
    """Verdicts on all claims, at the plan's scale.

    A claim is supported if all of its comparisons are: the p of support is the largest of their one-sided p. It is
    contradicted if one of them is reversed: the p of contradiction is the smallest reversed p times their number
    (Bonferroni). The claim's p is twice the smaller of the two, corrected by Holm's method over all claims with a test. A
    single seed gives no test.

    Args:
        plan: plan made by `claims_plan`.
        cells: its cells (`retable.report.results.cells.filled_cells`).
        paper_protocols: metric family -> protocol name of the paper's numbers, as far as known.
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
        _verdict(plan, at, claim, evidence, test, len(tested), None if test is None else next(corrected))
        for claim, evidence, test in zip(plan.study.claims, gathered, tests, strict=True)
    ]


@dataclass(frozen=True)
class _Test:
    """Test of a claim before Holm's correction."""

    p: float
    agrees: bool


def _evidence(
    plan: Plan[Any],
    at: Mapping[Place, FilledCell[Any]],
    comparison: Comparison,
    paper_protocols: Mapping[str, str],
) -> Evidence:
    """Differences of a comparison by seed; positive agrees with it."""
    sign = sign_of(plan.study, comparison)
    terms = [(at[place], sign * weight) for place, weight in comparison.terms]
    protocol = paper_protocols.get(terms[0][0].cell.metric)
    return gather(terms, plan.seeds, plan.scale, protocol)


def _test(evidence: Sequence[Evidence]) -> _Test | None:
    """Test of a claim; None unless each of its comparisons has at least two seeds."""
    sizes = [paired(list(one.by_seed.values())) for one in evidence if one.by_seed]
    if len(sizes) < len(evidence) or any(size.p is None for size in sizes):
        return None
    one_sided = [_one_sided(size) for size in sizes]
    agree, against = max(one_sided), min(1.0, len(sizes) * min(1 - p for p in one_sided))
    return _Test(min(1.0, 2 * min(agree, against)), agree < against)


def _one_sided(size: Paired) -> float:
    """One-sided p for a mean above 0."""
    assert size.p is not None
    return size.p / 2 if size.mean > 0 else 1 - size.p / 2


def _verdict(
    plan: Plan[Any],
    at: Mapping[Place, FilledCell[Any]],
    claim: Claim,
    evidence: Sequence[Evidence],
    test: _Test | None,
    tested: int,
    p: float | None,
) -> ClaimVerdict:
    """Verdict on a claim; `p` is corrected over the `tested` claims with a test."""
    paper = check_paper(plan.study, claim)
    effects = _effects(plan, at, claim, evidence)
    effect = effects[0] if effects else None
    if test is None or p is None:
        verdict, why = _untested(evidence, effects)
        return ClaimVerdict(claim, paper, verdict, why, effect)
    seeds = {len(one.by_seed) for one in evidence}
    count = f"{min(seeds)} seeds"
    if p < ALPHA:
        return ClaimVerdict(claim, paper, "supported" if test.agrees else "contradicted", count, effect, p)
    needed = _seeds_to_decide(effects, tested)
    advice = (
        f"{needed} would decide it at the spread seen" if needed else "no number in reach would decide it"
    )
    return ClaimVerdict(claim, paper, "inconclusive", f"with {count}; {advice}", effect, p, needed)


def _effects(
    plan: Plan[Any], at: Mapping[Place, FilledCell[Any]], claim: Claim, evidence: Sequence[Evidence]
) -> list[Effect]:
    """Effects of the comparisons with numbers; the one that agrees least with the claim comes first."""
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
    return [effect for _, effect in sorted(found, key=lambda pair: (pair[0], pair[1].text))]


def _level(cell: FilledCell[Any]) -> float:
    return next((summary.value for summary in cell.summaries.values()), 0.0)


def _untested(evidence: Sequence[Evidence], effects: Sequence[Effect]) -> tuple[Verdict, str]:
    """Verdict and reason if a comparison has no number or a single seed."""
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


def _seeds_to_decide(effects: Sequence[Effect], tested: int) -> int | None:
    """Number of seeds that would decide the decisive comparison, at the level of Holm's first step."""
    size = effects[0].size
    share = tested if size.mean > 0 else tested * len(effects)
    needed = seeds_to_decide(size.mean, size.std or 0.0, ALPHA / share)
    return None if needed is None else max(needed, size.n_seeds + 1)
