from dataclasses import replace

import pytest

from retable.evaluation.config import ImageEvaluation
from retable.trial.config import TrialConfig

JUDGE = TrialConfig(iterations=10, batch_size=4, snapshot_every=5)


def test_the_defaults_are_the_papers_counts() -> None:
    evaluation = ImageEvaluation(classifier=JUDGE)
    assert (evaluation.samples, evaluation.repeats) == (50_000, 1)
    assert (evaluation.kid_subsets, evaluation.kid_subset_size) == (100, 1000)
    assert (evaluation.neighbours, evaluation.manifold) == (3, 50_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 1}, "samples must be at least 2, but got 1"),
        ({"kid_subset_size": 1}, "kid_subset_size must be at least 2, but got 1"),
        ({"kid_subsets": 0}, "kid_subsets must be at least 1"),
        ({"neighbours": 0}, "neighbours must be at least 1"),
        ({"real_passes": 3}, "real_passes must be 1, or 2 with mirror images, .* but got 3"),
        ({"snapshot_samples": 3}, "snapshot_samples must be more than neighbours=3, but got 3"),
        ({"splits": 7}, "splits must divide samples"),
    ],
)
def test_bad_counts_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ImageEvaluation(classifier=JUDGE), **change)  # type: ignore[arg-type]
