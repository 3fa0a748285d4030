import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from retable.plan import make_plan
from retable.report.paper_check import check_paper
from studies.code_size_ablation import CLAIMS, STUDY
from trainables.code_gan.config import AutoencoderConfig
from trainables.code_gan.reconstructing import ReconstructionConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_an_encoder_is_trained_once_for_all_resolutions(scale: str) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], "0123456789abcdef", tables=["1"], seeds=[2])
    kinds = Counter(planned.trial.config.trainable for planned in plan.trials)
    assert kinds == {"code_autoencoder": 3, "code_reconstruction": 12}
    encoders = {
        planned.signature: planned.trial.config
        for planned in plan.trials
        if isinstance(planned.trial.config, AutoencoderConfig)
    }
    assert sorted(config.code_divisor for config in encoders.values()) == [2, 4, 8]
    shared = Counter(
        planned.requires for planned in plan.trials if isinstance(planned.trial.config, ReconstructionConfig)
    )
    assert shared == {(signature,): 4 for signature in encoders}
    assert all(planned.trial.seed == 2 for planned in plan.trials)


def test_both_errors_stand_beside_the_papers_numbers() -> None:
    cells = list(STUDY.cells(STUDY.table("1"), STUDY.scales["smoke"]))
    found = {(cell.row, cell.metric): cell.published and cell.published.value for cell in cells}
    assert len(found) == 36
    assert found["h/2, 128 px", "mse01"] == found["h/2, 128 px", "mse11"] == 2.7e-4
    assert found["h/8, 1024 px", "mse01"] == 8.8e-4
    assert {value for (_, metric), value in found.items() if metric == "psnr"} == {None}


def test_the_papers_numbers_bear_its_ordering_out() -> None:
    checks = [check_paper(STUDY, claim) for claim in CLAIMS]
    assert [(check.holds, check.held, check.unstated) for check in checks] == [(True, 8, 0)]


def test_the_study_is_declared_without_torch() -> None:
    program = (
        "import sys, studies.code_size_ablation\n"
        "heavy = {'torch', 'ray', 'mlflow', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, f'declaring a study imports {heavy}'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)
