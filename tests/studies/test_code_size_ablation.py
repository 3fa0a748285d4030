from collections import Counter

import pytest

from retable.planning.plan import make_plan
from retable.report.tables.paper_check import check_paper
from studies.code_size_ablation import CLAIMS, STUDY
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.costs.training import training_cost
from trainables.code_gan.reconstruction.config import ReconstructionConfig


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_an_encoder_is_trained_once_for_all_resolutions(scale: str) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], "0123456789abcdef", tables=["1"], seeds=[2])
    kinds = Counter(planned.trial.config.trainable for planned in plan.trials)
    assert kinds == {"code_autoencoder": 4, "code_reconstruction": 16}
    encoders = {
        planned.signature: planned.trial.config
        for planned in plan.trials
        if isinstance(planned.trial.config, AutoencoderConfig)
    }
    assert sorted(config.code_divisor for config in encoders.values()) == [2, 4, 8, 16]
    shared = Counter(
        planned.requires for planned in plan.trials if isinstance(planned.trial.config, ReconstructionConfig)
    )
    assert shared == {(signature,): 4 for signature in encoders}
    assert all(planned.trial.seed == 2 for planned in plan.trials)


def test_each_gan_and_encoder_is_trained_once_for_tables_4_and_6() -> None:
    plan = make_plan(STUDY, STUDY.scales["smoke"], "0123456789abcdef", tables=("1", "4", "6"))
    kinds = Counter(planned.trial.config.trainable for planned in plan.trials)
    # Codes are stored once for each encoder and resolution. Table 6 has Table 4's GANs at 1024 px, both, and two of its own.
    assert kinds == {"code_autoencoder": 4, "code_reconstruction": 16, "codes": 5, "code_gan": 8, "cnn": 1}
    shared = [planned for planned in plan.trials if {place[0] for place in planned.cells} == {"4", "6"}]
    assert [len(planned.requires) for planned in shared] == [1, 3]


@pytest.mark.parametrize("scale", ["toy", "paper"])
def test_the_slowest_gan_has_a_snapshot_before_the_fastest_has_ended(scale: str) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], "0123456789abcdef", tables=["6"])
    gans = [one.trial.config for one in plan.trials if isinstance(one.trial.config, CodeGANConfig)]
    work = [training_cost(gan.shape).each_image() * gan.iterations for gan in gans]
    slowest = gans[work.index(max(work))]
    assert max(work) / (slowest.iterations // slowest.snapshot_every) < min(work)


def test_smoke_is_tables_1_and_6() -> None:
    plan = make_plan(STUDY, STUDY.scales["smoke"], "0123456789abcdef")
    kinds = Counter(planned.trial.config.trainable for planned in plan.trials)
    assert kinds == {"code_autoencoder": 4, "code_reconstruction": 12, "codes": 3, "code_gan": 4, "cnn": 1}


def published(table: str, metric: str) -> list[float | None]:
    """The paper's numbers in the cells of that metric."""
    cells = STUDY.cells(STUDY.table(table), STUDY.scales["smoke"])
    return [cell.published.value if cell.published else None for cell in cells if cell.metric == metric]


def test_gans_stand_beside_the_papers_numbers() -> None:
    for table, values in (
        ("4", [23.62, 20.78, 30.43, 14.72, 54.83, 14.80]),
        ("6", [54.83, 14.80, 17.71, 22.12]),
    ):
        assert published(table, "fid") == values
    assert published("6", "minutes") == [225, 45, 19, 9]


def test_both_errors_stand_beside_the_papers_numbers() -> None:
    cells = list(STUDY.cells(STUDY.table("1"), STUDY.scales["smoke"]))
    found = {(cell.row, cell.metric): cell.published and cell.published.value for cell in cells}
    assert len(found) == 64
    assert found["h/2, 128 px", "mse01"] == found["h/2, 128 px", "mse11"] == 2.7e-4
    assert found["h/8, 1024 px", "mse01"] == 8.8e-4
    assert found["h/16, 1024 px", "mse01"] is None  # the encoder is Table 6's
    assert {value for (_, metric), value in found.items() if metric in ("psnr", "rounding")} == {None}


def test_the_papers_numbers_bear_its_ordering_out() -> None:
    checks = [check_paper(STUDY, claim) for claim in CLAIMS]
    assert [(check.holds, check.held, check.unstated) for check in checks] == [
        (True, count, 0) for count in (8, 3, 3, 3)
    ]
