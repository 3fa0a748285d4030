from collections import Counter
from dataclasses import replace

import pytest

from retable.planning.plan import make_plan
from retable.report.tables.paper_check import check_paper
from retable.study.changes import changes
from studies import code_size_ablation
from studies.acceleration_ablation import CLAIMS, ROWS, STUDY, before
from trainables.code_gan.config import CodeGANConfig

DATA = "0123456789abcdef"


def test_one_field_tells_before_from_after() -> None:
    for row in ROWS:
        assert isinstance(row.config, CodeGANConfig)
        slow = before(row.config)
        assert isinstance(slow, CodeGANConfig)
        assert replace(slow, accelerate=True) == row.config
        assert list(changes(row.config, slow)) == ["accelerate"]


def test_an_encoder_is_trained_once_for_all_resolutions() -> None:
    plan = make_plan(STUDY, STUDY.scales["paper"], DATA)
    kinds = Counter(planned.trial.config.trainable for planned in plan.trials)
    assert kinds == {"code_autoencoder": 1, "codes": 3, "code_gan": 6, "cnn": 1}


@pytest.mark.parametrize(
    ("scale", "kinds"),
    [
        ("smoke", {"code_autoencoder": 1, "codes": 2, "code_gan": 4, "cnn": 1}),
        ("toy", {"code_autoencoder": 1, "codes": 1, "code_gan": 2, "cnn": 1}),
    ],
)
def test_the_trials_are_the_other_studys_too(scale: str, kinds: dict[str, int]) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], DATA, seeds=[0])
    assert Counter(planned.trial.config.trainable for planned in plan.trials) == kinds
    other = code_size_ablation.STUDY
    plans = make_plan(other, other.scales[scale], DATA, tables=("1", "4", "6"))
    trained = {planned.signature for planned in plans.trials}
    assert {planned.signature for planned in plan.trials} <= trained


def test_both_tables_stand_beside_the_papers_numbers() -> None:
    for table, metric, values in (
        ("3", "minutes", [30, 8, 56, 22, 225, 45]),
        ("4", "fid", [23.62, 20.78, 30.43, 14.72, 54.83, 14.80]),
    ):
        cells = STUDY.cells(STUDY.table(table), STUDY.scales["paper"])
        assert [c.published and c.published.value for c in cells if c.metric == metric] == values


def test_the_papers_numbers_bear_its_claims_out() -> None:
    checks = [check_paper(STUDY, claim) for claim in CLAIMS]
    assert [(check.holds, check.held, check.unstated) for check in checks] == [
        (True, count, 0) for count in (3, 3)
    ]
