import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr
from torchmetrics.image.inception import InceptionScore

from retable.metrics.inception_score import inception_score


def logits(n: int, k: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(n, k, generator=torch.Generator().manual_seed(seed))


def test_hand_arithmetic() -> None:
    # p = (3/4, 1/4) and (1/4, 3/4): the marginal is uniform, each KL is 3/4 ln(3/2) + 1/4 ln(1/2).
    p = torch.tensor([[0.75, 0.25], [0.25, 0.75]], dtype=torch.float64)
    expected = math.exp(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert inception_score(p.log()) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("n", [1, 3, 100, 2048])
def test_a_collapsed_generator_scores_exactly_one(n: int) -> None:
    assert inception_score(logits(1, 101).expand(n, -1)) == 1.0


def test_sure_and_evenly_spread_samples_score_the_number_of_classes() -> None:
    assert inception_score(1000 * torch.eye(10).repeat(3, 1)) == pytest.approx(10, rel=1e-14)


@pytest.mark.parametrize("splits", [1, 4])
def test_agrees_with_scipys_relative_entropy(splits: int) -> None:
    sample = logits(64, 7)
    p = torch.softmax(sample.double(), 1).numpy()
    parts = np.split(p, splits)
    expected = np.mean([np.exp(rel_entr(part, part.mean(0)).sum(1).mean()) for part in parts])
    assert inception_score(sample, splits) == pytest.approx(expected, rel=1e-12)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save", "ignore:std")
def test_agrees_with_torchmetrics() -> None:
    sample = logits(128, 10, seed=1).double()
    reference = InceptionScore(feature=torch.nn.Identity(), splits=1)
    reference.update(sample)
    assert inception_score(sample) == pytest.approx(float(reference.compute()[0]), rel=1e-6)


def test_float32_logits_are_scored_in_float64() -> None:
    sample = logits(32, 5)
    assert inception_score(sample) == inception_score(sample.double())


def test_overflow_is_an_error_not_a_number() -> None:
    sample = logits(4, 3)
    sample[1, 2] = math.nan
    with pytest.raises(FloatingPointError, match="needs finite logits"):
        inception_score(sample)


def test_unequal_splits_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of splits, but got .10, 3. and splits=4"):
        inception_score(logits(10, 3), splits=4)
