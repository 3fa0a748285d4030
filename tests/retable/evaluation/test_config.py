import json
from dataclasses import asdict

import pytest

from retable.evaluation.config import Evaluation
from retable.trial.config import TrialConfig

JUDGE = TrialConfig(iterations=10, batch_size=4, snapshot_every=5)


def test_the_defaults_are_the_papers_counts() -> None:
    evaluation = Evaluation(classifier=JUDGE)
    assert (evaluation.samples, evaluation.repeats, evaluation.splits) == (2048, 10, 1)
    assert (evaluation.snapshot_samples, evaluation.real_passes) == (2048, 10)


def test_it_is_json_ready_with_its_classifier() -> None:
    text = json.dumps(asdict(Evaluation(classifier=JUDGE)), allow_nan=False)
    assert json.loads(text)["classifier"]["iterations"] == 10


@pytest.mark.parametrize("name", ["samples", "repeats", "splits", "snapshot_samples", "real_passes"])
def test_counts_have_a_minimum(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least [12], but got 0"):
        Evaluation(classifier=JUDGE, **{name: 0})  # type: ignore[arg-type]


def test_labels_are_drawn_in_one_of_two_ways() -> None:
    assert Evaluation(classifier=JUDGE).labels == "frequency"
    with pytest.raises(ValueError, match="labels must be 'frequency' or 'uniform', but got 'balanced'"):
        Evaluation(classifier=JUDGE, labels="balanced")  # type: ignore[arg-type]


def test_splits_are_equal_parts() -> None:
    with pytest.raises(ValueError, match="splits must divide snapshot_samples"):
        Evaluation(classifier=JUDGE, samples=100, snapshot_samples=64, splits=10)
