"""Verdicts over hand-made results: a table of two rows that claims are made of, under several seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retable.planning.plan import Plan
from retable.report.results.cells import filled_cells
from retable.report.results.load import Result
from retable.report.tables.claims import ClaimVerdict, claim_verdicts, claims_plan
from retable.report.tables.paper_check import PaperCheck, check_paper
from retable.report.tables.verdicts import verdict_table
from retable.study.claims import Claim, Comparison, Place
from retable.trial.learner import Score

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example

FULL, NAIVE, OTHERS = (Place("9", row, "IS") for row in ("Full", "Naive", "Others"))
FULL_FID, NAIVE_FID = (Place("9", row, "FID") for row in ("Full", "Naive"))


def trained(
    example: "Example", scores: Mapping[str, Sequence[float]], fid: bool = False
) -> dict[str, Result]:
    """Finished trials: row -> the score of each seed."""
    protocol = example.fid_protocol if fid else example.is_protocol
    results: dict[str, Result] = {}
    for row, values in scores.items():
        for seed, value in enumerate(values):
            results |= example.done(row, {protocol: Score(value, 0.1, 10)}, seed)
    return results


def planned(
    example: "Example", *claims: tuple[Comparison, ...], scale: str = "smoke", seeds: int = 3
) -> Plan[Any]:
    said = tuple(Claim("5", f"claim {number}", holds) for number, holds in enumerate(claims))
    study = replace(example.study, claims=said)
    return claims_plan(study, study.scales[scale], "0123456789abcdef", tuple(range(seeds)))


def judged(plan: Plan[Any], results: Mapping[str, Result]) -> list[ClaimVerdict]:
    return claim_verdicts(plan, filled_cells(plan, results))


def verdict(example: "Example", naive: Sequence[float], full: Sequence[float]) -> ClaimVerdict:
    plan = planned(example, (FULL.beats(NAIVE),), seeds=len(naive))
    (one,) = judged(plan, trained(example, {"Naive": naive, "Full": full}))
    return one


def test_supported(example: "Example") -> None:
    one = verdict(example, [1.0, 1.5, 2.0], [4.0, 4.6, 5.1])
    assert (one.verdict, one.why) == ("supported", "3 seeds")
    assert one.effect is not None
    assert one.effect.size.mean == pytest.approx((3.0 + 3.1 + 3.1) / 3)
    assert (one.effect.metric, one.effect.seeds) == ("is", (0, 1, 2))
    assert (one.effect.size.low, one.effect.size.high) == pytest.approx((3.0, 3.1))


def test_contradicted(example: "Example") -> None:
    assert verdict(example, [4.0, 4.6, 5.1], [1.0, 1.5, 2.0]).verdict == "contradicted"


def test_inconclusive_says_how_many_seeds_would_decide(example: "Example") -> None:
    one = verdict(example, [1.0, 1.0, 1.0], [1.0, 1.5, 3.0])
    assert one.verdict == "inconclusive"
    assert one.seeds_to_decide is not None
    assert one.seeds_to_decide > 3
    assert one.why == f"with 3 seeds; {one.seeds_to_decide} would decide it at the spread seen"


def test_one_seed_decides_nothing(example: "Example") -> None:
    agrees = verdict(example, [1.0], [50.0])
    assert (agrees.verdict, agrees.why, agrees.p) == (
        "inconclusive",
        "with 1 seed; the direction agrees",
        None,
    )
    assert verdict(example, [50.0], [1.0]).why == "with 1 seed; the direction disagrees"


def test_less_is_better_for_fid(example: "Example") -> None:
    plan = planned(example, (FULL_FID.beats(NAIVE_FID),))
    results = trained(example, {"Naive": [900, 950, 1000], "Full": [100, 151, 200]}, fid=True)
    (one,) = judged(plan, results)
    assert one.verdict == "supported"
    assert one.effect is not None
    assert one.effect.size.mean == pytest.approx((800 + 799 + 800) / 3)


def test_not_trained(example: "Example") -> None:
    plan = planned(example, (FULL.beats(NAIVE),), (FULL.beats(NAIVE), FULL.beats(NAIVE)))
    assert [one.verdict for one in judged(plan, {})] == ["not trained"] * 2
    assert judged(plan, trained(example, {"Full": [1.0]}))[0].verdict == "not trained"


def test_a_claim_that_is_partly_trained(example: "Example") -> None:
    plan = planned(example, (FULL.beats(NAIVE), FULL_FID.beats(NAIVE_FID)))
    two = trained(example, {"Naive": [1.0, 2.0, 3.0], "Full": [2.0, 3.5, 4.1]})
    (one,) = judged(plan, two)
    # The trials are finished and have no FID.
    assert (one.verdict, one.why) == ("inconclusive", "Full, FID: no fid score")


def test_a_collapsed_trial_is_no_number(example: "Example") -> None:
    plan = planned(example, (FULL.beats(NAIVE),), seeds=1)
    (one,) = judged(plan, trained(example, {"Naive": [1.0]}) | example.collapsed("Full"))
    assert (one.verdict, one.why) == ("inconclusive", "Full, IS: collapsed at 7")


def test_seeds_are_paired(example: "Example") -> None:
    """Seed 1 of one row collapsed, so that its seed 1 of the other does not count either."""
    plan = planned(example, (FULL.beats(NAIVE),))
    results = trained(example, {"Naive": [1.0, 99.0, 2.0], "Full": [2.0, 0.0, 3.0]})
    (one,) = judged(plan, results | example.collapsed("Full", seed=1))
    assert one.effect is not None
    assert one.effect.seeds == (0, 2)
    assert one.effect.size.mean == 1.0


def test_quoted_numbers_are_not_comparable_with_smoke_ones(example: "Example") -> None:
    results = trained(example, {"Full": [9.0, 9.5, 9.2]})
    (one,) = judged(planned(example, (FULL.beats(OTHERS),)), results)
    assert (one.verdict, one.why) == ("not comparable", "not comparable: smoke data")
    plan = planned(example, (FULL.beats(OTHERS),), scale="paper")
    assert "protocol of the quoted number is unknown" in judged(plan, results)[0].why
    (same,) = claim_verdicts(plan, filled_cells(plan, results), {"is": example.is_protocol})
    assert same.verdict == "supported"
    assert same.effect is not None
    assert same.effect.size.mean == pytest.approx((9.0 + 9.5 + 9.2) / 3 - 8.31)


def test_a_trial_is_not_compared_with_itself(example: "Example") -> None:
    (one,) = judged(planned(example, (FULL.beats(FULL),)), trained(example, {"Full": [1.0, 2.0, 3.0]}))
    assert (one.verdict, one.why) == ("not comparable", "both sides are the same trial at this scale")


def test_seeds_measured_differently_are_not_subtracted(example: "Example") -> None:
    other = example.is_protocol.replace("1a2b3c", "ffffff")
    results = trained(example, {"Full": [1.0]}) | example.done("Naive", {other: Score(2.0)})
    (one,) = judged(planned(example, (FULL.beats(NAIVE),), seeds=1), results)
    assert (one.verdict, one.why) == (
        "not comparable",
        "not comparable: classifier c3d-1a2b3c against c3d-ffffff",
    )


def test_every_comparison_must_hold_and_the_weakest_is_shown(example: "Example") -> None:
    plan = planned(example, (FULL.beats(NAIVE), NAIVE.beats(FULL)), (FULL.beats(NAIVE),))
    results = trained(example, {"Naive": [1.0, 1.5, 2.0], "Full": [4.0, 4.6, 5.1]})
    both, single = judged(plan, results)
    assert both.effect is not None
    assert both.effect.text == "Naive over Full (IS, Table 9)"
    assert (both.verdict, single.verdict) == ("contradicted", "supported")
    # By hand: the first claim's p is twice the second's, p, for its two comparisons. Holm: max(2 p, 1 · 2 p) for both.
    (alone,) = judged(planned(example, (FULL.beats(NAIVE),)), results)
    assert alone.p is not None
    assert both.p == pytest.approx(2 * alone.p)
    assert single.p == pytest.approx(2 * alone.p)


def test_many_claims_ask_for_more_evidence(example: "Example") -> None:
    results = trained(example, {"Naive": [1.0, 1.0, 1.0], "Full": [2.0, 2.4, 2.2]})
    alone = judged(planned(example, (FULL.beats(NAIVE),)), results)[0]
    among = judged(planned(example, *[(FULL.beats(NAIVE),)] * 10), results)[0]
    assert alone.p is not None
    assert among.p == pytest.approx(min(1.0, 10 * alone.p))
    assert (alone.verdict, among.verdict) == ("supported", "inconclusive")


SCORES = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80)), min_size=2, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_a_verdict_knows_no_order_and_turns_with_the_claim(
    example: "Example", scores: list[tuple[int, int]], random: Any
) -> None:
    results = trained(example, {"Naive": [a / 8 for a, _ in scores], "Full": [b / 8 for _, b in scores]})
    plan = planned(example, (FULL.beats(NAIVE), FULL.gain_over(NAIVE).positive()), seeds=len(scores))
    cells = filled_cells(plan, results)
    (one,) = claim_verdicts(plan, cells)
    assert claim_verdicts(plan, random.sample(cells, len(cells))) == [one]
    (there,) = judged(planned(example, (FULL.beats(NAIVE),), seeds=len(scores)), results)
    (back,) = judged(planned(example, (NAIVE.beats(FULL),), seeds=len(scores)), results)
    turned = {"supported": "contradicted", "contradicted": "supported", "inconclusive": "inconclusive"}
    assert back.verdict == turned[there.verdict]
    assert back.p == pytest.approx(there.p)


def test_the_papers_own_numbers(example: "Example") -> None:
    study = planned(example, (FULL.beats(NAIVE),)).study

    def check(*holds: Comparison) -> PaperCheck:
        return check_paper(study, Claim("5", "so", holds))

    assert str(check(FULL_FID.beats(NAIVE_FID))) == "holds"
    assert str(check(OTHERS.beats(NAIVE))) == "fails at 1: Others over Naive (IS, Table 9)"
    assert str(check(FULL.beats(NAIVE))) == "no numbers"
    assert check(FULL.beats(NAIVE)).holds is None
    assert str(check(NAIVE.beats(OTHERS), FULL.beats(NAIVE))) == "holds (1 of 2 not given)"


def test_the_table_of_verdicts(example: "Example") -> None:
    plan = planned(example, (FULL.beats(NAIVE),), (FULL_FID.beats(NAIVE_FID),))
    results = trained(example, {"Naive": [1.0, 1.5, 2.0], "Full": [4.0, 4.6, 5.1]})
    table = verdict_table(plan, judged(plan, results))
    assert "[smoke scale]" in table.title
    assert "They are about models of that size, not about the paper's." in table.notes
    paper, ours, effect = map(str, table.rows["5 claim 0"])
    assert (paper, ours) == ("no numbers", "supported (3 seeds)")
    assert effect.startswith("IS +3.07 [+3.00, +3.10] (Full over Naive (IS, Table 9); p = ")
    line = table.tidy.iloc[0]
    assert (line["verdict"], line["n_seeds"], line["seeds"]) == ("supported", 3, "0 1 2")
    assert line["effect"] == pytest.approx(9.2 / 3)
    nothing = verdict_table(plan, judged(plan, {}))
    assert [str(cells[1]) for cells in nothing.rows.values()] == ["not trained"] * 2
    assert nothing.tidy["effect"].isna().all()
