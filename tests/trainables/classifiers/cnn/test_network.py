"""The classifier of images: its network, what it refuses, and that it learns."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.evaluation.features import ClassifierConfig
from retable.trial.distributed import Workers
from retable.trial.run import Run
from tests.precision import in_float64
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.classifiers.cnn.learner import ImageClassifierLearner

if TYPE_CHECKING:
    from tests.conftest import WorkerGroup

TINY = ImageClassifierConfig(
    iterations=30, snapshot_every=30, batch_size=8, widths=(4, 8), features=5, data=ImageSpec(size=8)
)


def learner_on(root: Path, workers: Workers) -> ImageClassifierLearner:
    return ImageClassifierLearner(TINY, 0, cast(Run, SimpleNamespace(data=root)), workers)


def losses(root: Path, workers: Workers) -> list[dict[str, float]]:
    """Of three steps, averaged over the workers, and the accuracy that they lead to."""
    model = learner_on(root, workers)
    steps = [workers.mean(model.step(at)) for at in range(3)]
    return [*steps, {name: score.value for name, score in model.evaluate(3, final=True).items()}]


def as_worker(workers: Workers, folder: Path) -> list[dict[str, float]]:
    with in_float64():
        return losses(next((folder / "cache" / "embedded_images").glob("v*8")), workers)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A few images, in a cache of their own."""
    folder = tmp_path_factory.mktemp("classifier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        yield ensure_embedded_images(images_per_class=2, size=8)


@pytest.fixture
def learner(root: Path) -> ImageClassifierLearner:
    return learner_on(root, Workers())


@pytest.mark.usefixtures("float64")
def test_two_workers_are_one(root: Path, worker_group: "WorkerGroup") -> None:
    alone = losses(root, Workers())
    first, second = worker_group(__file__, 2, root.parents[2])
    assert first == second
    for one, two in zip(alone, first, strict=True):
        assert two == pytest.approx(one, rel=1e-9, abs=1e-9)


def test_shapes_and_equal_odds_at_the_start() -> None:
    network = ImageClassifierConfig().network(10)
    logits_NK, features_NF = network(torch.randn(2, 3, 32, 32))
    assert logits_NK.shape == (2, 10)
    assert features_NF.shape == (2, 64)
    assert float(logits_NK.detach().abs().max()) == 0
    assert float(features_NF.detach().min()) >= 0
    assert isinstance(ImageClassifierConfig(), ClassifierConfig)


def test_it_learns_and_its_state_gives_the_judge(learner: ImageClassifierLearner) -> None:
    losses = [float(learner.step(iteration)["loss"]) for iteration in range(TINY.iterations)]
    assert losses[0] == pytest.approx(2.302585, abs=1e-5)  # ln 10
    assert sum(losses[-5:]) < 5 * losses[0]
    (name,) = learner.evaluate(TINY.iterations, final=True)
    assert name.startswith("accuracy10x1_bicubicaa8_test_data-")
    judge = TINY.classifier(learner.state())
    x_NCHW = torch.randn(3, 3, 8, 8)
    assert torch.equal(judge(x_NCHW)[1], learner.network(x_NCHW)[1])


@pytest.mark.usefixtures("float64")
def test_accumulation_changes_nothing_beyond_rounding(learner: ImageClassifierLearner) -> None:
    x_NCHW = torch.randn(8, 3, 8, 8)
    whole = learner.network(x_NCHW)[0]
    parts = torch.cat([learner.network(part)[0] for part in (x_NCHW[:3], x_NCHW[3:])])
    torch.testing.assert_close(whole, parts)


def test_the_step_is_counted() -> None:
    cost = ImageClassifierConfig().step_cost()
    assert cost.parameters == sum(p.numel() for p in ImageClassifierConfig().network(10).parameters())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"features": 0}, "features and widths must be at least 1"),
        (
            {"data": ImageSpec(size=24)},
            "a multiple of 16 pixels large for 4 stages that halve them, but got 24",
        ),
        ({"lr": 0.0}, "lr must be positive"),
    ],
)
def test_what_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageClassifierConfig(**wrong)  # type: ignore[arg-type]


def test_one_class_is_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    root = ensure_embedded_images(images_per_class=5, size=8)
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in sorted(root.rglob("*.png"))[:12]:
        (flat / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="two classes or more, but .*flat has 1"):
        TINY.prepare(flat)
