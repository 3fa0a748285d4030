"""The classifier of images in training, and as the judge of images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.data.samples.images import Images
from retable.evaluation.config import ImageEvaluation
from retable.evaluation.features import ClassifierConfig
from retable.evaluation.images import ImageEvaluator
from retable.metrics.protocol import Protocol
from retable.store.assignment import Assignment
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.classifiers.cnn.learner import ImageClassifierLearner

TINY = ImageClassifierConfig(
    iterations=4, snapshot_every=2, batch_size=4, widths=(4, 8), features=5, data=ImageSpec(size=16)
)
CPU = torch.device("cpu")


def images_root() -> Path:
    return ensure_embedded_images(images_per_class=2, size=24)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ten train and ten test images, with a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield images_root()


def a_run(
    root: Path, folder: Path, config: ImageClassifierConfig, rank: int = 0, size: int = 1
) -> AssignedRun:
    return AssignedRun(Assignment(Trial(config, 0, "00ff"), folder, root, 1, {}), rank, size, CPU)


def learner(
    root: Path, config: ImageClassifierConfig = TINY, workers: Workers | None = None
) -> ImageClassifierLearner:
    workers = workers or Workers()
    return ImageClassifierLearner(config, 0, a_run(root, Path(), config, workers.rank, workers.size), workers)


def trained(root: Path, workers: Workers, config: ImageClassifierConfig = TINY) -> list[dict[str, float]]:
    """Losses of all iterations, and scores afterwards."""
    own = learner(root, config, workers)
    losses = [workers.mean(own.step(iteration)) for iteration in range(config.iterations)]
    return [*losses, {name: score.value for name, score in own.evaluate(4, final=True).items()}]


@pytest.mark.usefixtures("float64")
def test_steps_are_repeatable_and_start_at_even_odds(root: Path) -> None:
    first, second = trained(root, Workers()), trained(root, Workers())
    assert first == second
    assert first[0]["loss"] == pytest.approx(torch.tensor(10.0).log().item(), rel=1e-12)


def test_a_restored_learner_goes_on_to_the_bit(root: Path) -> None:
    whole, resumed = learner(root), learner(root)
    for iteration in range(2):
        whole.step(iteration)
    resumed.load_state(deepcopy(whole.state()))
    for iteration in range(2, 4):
        assert whole.step(iteration) == resumed.step(iteration)
    for name, tensor in whole.state()["network"].items():
        assert torch.equal(tensor, resumed.state()["network"][name])


@pytest.mark.usefixtures("float64")
def test_accumulated_micro_batches_are_one_batch(root: Path) -> None:
    whole, parts = (trained(root, Workers(), replace(TINY, accumulate=n)) for n in (1, 2))
    for a, b in zip(whole, parts, strict=True):
        assert b == pytest.approx(a, rel=1e-9)


def test_the_loop_trains_it_and_it_judges_images(root: Path, tmp_path: Path) -> None:
    run = a_run(root, tmp_path, TINY)
    assert TINY.prepare(root) == ""
    assert loop.train(run.assignment.trial, run) == "done"
    ((name, score),) = json.loads((tmp_path / "result.json").read_text())["scores"].items()
    protocol = Protocol.parse(name)
    assert (protocol.family, protocol.samples, protocol.resize) == ("accuracy", 10, "bicubicaa16")
    assert isinstance(TINY, ClassifierConfig)

    evaluation = ImageEvaluation(classifier=TINY, samples=10, snapshot_samples=10)
    images = Images(root, ImageSpec(size=24), "train", 0)
    scores = ImageEvaluator(evaluation, tmp_path, images, Workers()).scores(random_images, final=True)
    names = [Protocol.parse(name) for name in scores]
    assert [name.family for name in names] == ["is", "fid", "kid", "precision", "recall"]
    assert all(name.classifier.startswith("cnn-") for name in names)
    assert all(name.accuracy == f"{score['value']:.3f}" for name in names)


def random_images(indices: object, repeat: int) -> Tensor:
    return torch.rand(len(indices), 3, 24, 24) * 2 - 1  # type: ignore[arg-type]


@pytest.mark.slow
def test_it_learns_the_embedded_images(tmp_path: Path) -> None:
    run = a_run(ensure_embedded_images(), tmp_path, ImageClassifierConfig())
    assert loop.train(run.assignment.trial, run) == "done"
    (score,) = json.loads((tmp_path / "result.json").read_text())["scores"].values()
    assert score["value"] >= 0.55  # chance is 0.1
