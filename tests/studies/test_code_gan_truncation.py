"""The truncation of the code-GAN trains nothing that the code-size study has not trained."""

import pytest

from retable.planning.plan import make_plan
from retable.trial.scoring import ScoringConfig
from studies.code_gan_truncation import STUDY
from studies.code_size_ablation import STUDY as CODE_SIZES
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.code_gan.config import CodeGANConfig


@pytest.mark.parametrize("scale", ["smoke", "toy", "paper"])
def test_what_is_trained_is_the_accelerated_gan_of_table_4(scale: str) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], "data")
    known = make_plan(CODE_SIZES, CODE_SIZES.scales[scale], "data", tables=["4"])
    scored = [one for one in plan.trials if isinstance(one.trial.config, ScoringConfig)]
    trained = {one.signature: one.trial.config for one in plan.trials if one not in scored}
    assert trained.keys() <= {one.signature for one in known.trials}
    assert len(scored) == 11  # ten thresholds and the real held-out images
    (model,) = (signature for signature, config in trained.items() if isinstance(config, CodeGANConfig))
    assert sum(model in one.requires for one in scored) == 10
    (judge,) = (
        signature for signature, config in trained.items() if isinstance(config, ImageClassifierConfig)
    )
    assert all(judge in one.requires for one in scored)


def test_iterations_and_seeds_reach_the_model() -> None:
    scale = STUDY.scales["smoke"].with_iterations(7)
    plan = make_plan(STUDY, scale, "data", seeds=[0, 1])
    gans = [one.trial for one in plan.trials if isinstance(one.trial.config, CodeGANConfig)]
    assert [(gan.config.iterations, gan.seed) for gan in gans] == [(7, 0), (7, 1)]
