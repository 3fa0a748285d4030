"""The paper's claims against the paper's own numbers: which ones its tables bear out, and where they do not."""

import pytest

from retable.report.results.cells import filled_cells
from retable.report.tables.claims import claim_verdicts, claims_plan
from retable.report.tables.paper_check import check_paper
from retable.study.claims import Claim
from retable.study.study import Study
from studies import conditional_ablation
from studies.subsampling_ablation import STUDY
from trainables.video_gan.config import VideoGANConfig

HOLDS = "holds"
# Section, a few words of the claim, comparisons, and what Tables 2 to 12 say of it.
EXPECTED = [
    ("5.7", "on four GPUs, both our models beat the naive", 12, HOLDS),
    ("5.7", "both our models exceeds every existing method's", 10, HOLDS),
    (
        *("5.7", "scores of both baselines are below", 10),
        "fails at 2: VGAN over Single 3D discriminator only (IS, Table 2); VGAN over 3D + 2D discriminators (IS, Table 2)",
    ),
    ("5.7", "s_t = 4 beats s_t = 2 in IS and FID", 2, HOLDS),
    ("5.7", "gains more IS than going on to s_t = 4", 1, HOLDS),
    ("5.8", "on a single GPU, the Inception score of both our models", 10, HOLDS),
    ("5.8", "on a single GPU, the naive model is worse", 5, HOLDS),
    ("5.9", "at 32 clips for every method", 12, HOLDS),
    ("5.9, 6", "32 clips help the naive model", 6, HOLDS),
    ("5.10", "beat the naive model at every batch size", 16, HOLDS),
    (
        *("5.10, 6", "s_t = 4 beats s_t = 2 at every batch size", 12),
        "fails at 2: s_t = 4 over s_t = 2 (batch 16, Table 5); s_t = 4 over s_t = 2 (batch 16, Table 6)",
    ),
    ("6", "larger batch gives a better Inception score", 10, HOLDS),
    (
        *("6", "larger batch gives a better Fréchet distance", 10),
        (
            "fails at 3: batch 32 over batch 16 (s_t = 2, Table 6); batch 64 over batch 32 (s_t = 2, Table 6); "
            "batch 128 over batch 64 (s_t = 4, Table 6)"
        ),
    ),
    ("5.12", "each further subsampling layer improves", 6, "holds (2 of 6 not given)"),
    ("5.12", "S1 contributes most (s_t = 2)", 4, "holds (2 of 4 not given)"),
    ("5.12", "S1 contributes most (s_t = 4)", 4, HOLDS),
    ("5.12", "S2 matters more than S3 (s_t = 4)", 2, HOLDS),
    (
        *("6", "turning on the layers after S1 never lowers a score", 8),
        "fails at 2: S1+S3 over S1 (IS, Table 10); S1+S3 over S1 (FID, Table 10) (1 of 8 not given)",
    ),
    ("5.13", "one subsampling layer hurts both baselines", 8, HOLDS),
    ("5.13", "it hurts them more at s_t = 4", 4, HOLDS),
]
CONDITIONAL = [
    (
        "beats the unconditional",
        12,
        "fails at 1: s_t = 4, conditional over s_t = 4, pure (batch 64, Table 8)",
    ),
    ("is better than every unconditional one", 12, HOLDS),
    ("better Inception score", 4, HOLDS),
    ("distance gets worse", 2, HOLDS),
    ("best Inception score of all", 11, HOLDS),
]


def claim(words: str, study: Study[VideoGANConfig] = STUDY) -> Claim:
    (found,) = [one for one in study.claims if words in one.says]
    return found


@pytest.mark.parametrize(("place", "words", "comparisons", "outcome"), EXPECTED)
def test_the_papers_own_numbers(place: str, words: str, comparisons: int, outcome: str) -> None:
    one = claim(words)
    assert (one.place, len(one.holds), str(check_paper(STUDY, one))) == (place, comparisons, outcome)


@pytest.mark.parametrize(("words", "comparisons", "outcome"), CONDITIONAL)
def test_the_papers_own_numbers_of_the_conditional_model(words: str, comparisons: int, outcome: str) -> None:
    study = conditional_ablation.STUDY
    one = claim(words, study)
    assert (one.place, len(one.holds), str(check_paper(study, one))) == ("5.11", comparisons, outcome)
    assert len(study.claims) == len(CONDITIONAL)


def test_every_claim_has_an_expected_outcome() -> None:
    assert len(STUDY.claims) == len(EXPECTED) >= 12


def test_by_hand_from_table_10() -> None:
    """S1 gains 20.95 - 12.79 = 8.16, then S2 gains 1.74 and S3 loses 1.58."""
    one = claim("S1 contributes most (s_t = 4)")
    published = {
        (cell.row, cell.column): cell.published.value
        for cell in STUDY.cells(STUDY.table("10"), STUDY.scales["paper"])
        if cell.published
    }
    sums = [
        sum(weight * (published[place.row, place.column] or 0) for place, weight in comparison.terms)
        for comparison in one.holds
    ]
    assert sums == pytest.approx([8.16 + 1.58, 8.16 - 1.74, -3389 - 195, -3389 + 718])


def test_before_anything_is_trained() -> None:
    plan = claims_plan(STUDY, STUDY.scales["smoke"], "0123456789abcdef")
    assert [one.verdict for one in claim_verdicts(plan, filled_cells(plan, {}))] == ["not trained"] * len(
        EXPECTED
    )
