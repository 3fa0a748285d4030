import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from trainables.parts.truncation import Law, truncated_normal

COUNT = 4_000


def drawn(threshold: float | None, law: Law = "resample", count: int = COUNT) -> np.ndarray:
    return truncated_normal(np.random.default_rng(3), count, threshold, law)


def test_without_a_threshold_it_is_the_generators_own_normal() -> None:
    np.testing.assert_array_equal(drawn(None), np.random.default_rng(3).standard_normal(COUNT))


@pytest.mark.parametrize("threshold", [2.0, 0.5, 0.04])
def test_resampled_numbers_are_truncated_normal_and_keep_what_was_within(threshold: float) -> None:
    whole, kept = drawn(None), drawn(threshold)
    assert np.abs(kept).max() <= threshold
    within = np.abs(whole) <= threshold
    np.testing.assert_array_equal(kept[within], whole[within])
    law = truncnorm(-threshold, threshold)
    assert kstest(kept, law.cdf).pvalue > 0.01
    assert kept.std() == pytest.approx(law.std(), rel=0.05)


@pytest.mark.parametrize("threshold", [1.0, 0.02])
def test_scaled_numbers_are_those_truncated_at_two(threshold: float) -> None:
    scaled = drawn(threshold, "scale")
    np.testing.assert_array_equal(scaled, threshold * drawn(2.0))
    assert np.abs(scaled).max() <= 2 * threshold
