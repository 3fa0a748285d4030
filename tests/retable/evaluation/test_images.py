"""Images by a linear judge: what is filed, and that nothing depends on how it was computed."""

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor, nn

from retable.data.decode.spec import ImageSpec
from retable.data.samples.pixels import to_model
from retable.evaluation.config import ImageEvaluation
from retable.evaluation.images import ImageEvaluator
from retable.evaluation.real import RealImages
from retable.evaluation.resize import Resize
from retable.metrics.inception_score import inception_score
from retable.metrics.kernel import kernel_distances
from retable.metrics.precision_recall import precision_recall
from retable.metrics.protocol import Protocol
from retable.store import checkpoint
from retable.store.formats.result import TrialResult
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.learner import Score
from retable.trial.random import stream
from retable.trial.trial import Trial
from tests.retable.metrics.threads import Exchange, Threads

pytestmark = pytest.mark.usefixtures("float64")

SIZE, IMAGES = 4, 12
PIXELS = ImageSpec(size=SIZE)


class LinearJudge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(3 * SIZE * SIZE, 5)
        self.logits = nn.Linear(5, 3)

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x_NCHW.flatten(1))
        return self.logits(features), features


@dataclass(frozen=True, kw_only=True)
class LinearImageConfig(TrialConfig):
    trainable: ClassVar[str] = "linearimage"
    data: ImageSpec = PIXELS
    iterations: int = 10
    batch_size: int = 2
    snapshot_every: int = 5

    @property
    def resize(self) -> Resize:
        return Resize("bicubicaa", self.data.size)

    def classifier(self, state: Mapping[str, Any]) -> LinearJudge:
        network = LinearJudge()
        network.load_state_dict(state["network"])
        return network


class DrawnImages:
    """Looks like Images of 12 files of 6 × 6 pixels."""

    def __init__(self, fingerprint: str = "abcdef0123456789") -> None:
        self.fingerprint = fingerprint
        self.drawn: list[int] = []

    def __len__(self) -> int:
        return IMAGES

    def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        self.drawn.extend(indices)
        draws = [stream(0, "image", i).integers(0, 256, (3, 6, 6), np.uint8) for i in indices]
        return torch.from_numpy(np.stack(draws)), torch.zeros(len(indices), dtype=torch.int64)


def generate(indices: Sequence[int], repeat: int) -> Tensor:
    draws = [stream(3, "fake", repeat, i).normal(size=(3, 8, 8)) for i in indices]
    return torch.from_numpy(np.stack(draws)).float()


@pytest.fixture
def evaluation() -> ImageEvaluation:
    return ImageEvaluation(
        classifier=LinearImageConfig(),
        samples=20,
        repeats=2,
        snapshot_samples=10,
        kid_subsets=4,
        kid_subset_size=7,
        manifold=11,
    )


def finished(folder: Path, scores: Mapping[str, float]) -> Path:
    """The folder of a finished judge with those scores."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = LinearJudge().state_dict()
    signature = Trial(LinearImageConfig(), 0, "00ff").signature
    checkpoint.fence(folder, 1)
    checkpoint.save(
        folder, 5, {"learner": {"network": weights}, "progress": {}}, signature=signature, attempt=1
    )
    TrialResult(signature, 0, "done", 5, {name: Score(value) for name, value in scores.items()}).write(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return finished(tmp_path / "judge", {"accuracy8x1_to4_test_data-00000f": 0.875})


@pytest.fixture
def evaluator(evaluation: ImageEvaluation, folder: Path) -> ImageEvaluator:
    return ImageEvaluator(evaluation, folder, DrawnImages(), Workers(), batch=6)


def test_scores_are_named_by_their_protocols(evaluator: ImageEvaluator) -> None:
    judge = f"{evaluator.extractor.name}_acc0.875_bicubicaa4"
    assert list(evaluator.scores(generate, final=True)) == [
        f"is20x2_{judge}_s1_data-abcdef",
        f"fid20x2_{judge}_r1-train_data-abcdef",
        f"kid20x2_{judge}_b4of7_r1-train_data-abcdef",
        f"precision20x2_{judge}_k3of11_r1-train_data-abcdef",
        f"recall20x2_{judge}_k3of11_r1-train_data-abcdef",
    ]
    snapshot = [Protocol.parse(name) for name in evaluator.scores(generate, final=False)]
    assert [(p.samples, p.points) for p in snapshot] == [(10, 0), (10, 0), (10, 7), (10, 10), (10, 10)]


def test_subsets_and_manifolds_are_no_larger_than_the_sets(evaluation: ImageEvaluation, folder: Path) -> None:
    large = replace(evaluation, kid_subset_size=1000, manifold=50_000)
    names = ImageEvaluator(large, folder, DrawnImages(), Workers()).scores(generate, final=True)
    assert [Protocol.parse(name).points for name in names] == [0, 0, IMAGES, IMAGES, IMAGES]


def test_scores_are_those_of_an_independent_computation(evaluator: ImageEvaluator) -> None:
    extractor = evaluator.extractor
    real = extractor.features(to_model(DrawnImages().evaluation_batch(range(IMAGES))[0]))[1]
    drawn = torch.from_numpy(stream(0, "manifold").permutation(IMAGES)[:11])
    found: dict[str, list[float]] = {"is": [], "fid": [], "kid": [], "precision": [], "recall": []}
    for repeat in (1, 2):
        logits, fake = extractor.features(generate(range(20), repeat))
        a, b = (np.cov(features.double().numpy().T) for features in (real, fake))
        gap = (real.double().mean(0) - fake.double().mean(0)).numpy()
        found["is"].append(inception_score(logits))
        found["fid"].append(gap @ gap + np.trace(a + b) - 2 * np.trace(linalg.sqrtm(a @ b)).real)
        found["kid"].extend(kernel_distances(real, fake, subsets=4, size=7))
        precision, recall = precision_recall(real[drawn], fake[:11])
        found["precision"].append(precision)
        found["recall"].append(recall)
    for (name, score), values in zip(
        evaluator.scores(generate, final=True).items(), found.values(), strict=True
    ):
        assert score.value == pytest.approx(np.mean(values), rel=1e-5), name
        assert score.std == pytest.approx(np.std(values), rel=1e-3, abs=1e-9), name
        assert score.repeats == len(values)


@pytest.mark.parametrize("size", [2, 3])
def test_the_number_of_workers_does_not_matter(
    size: int, evaluation: ImageEvaluation, folder: Path, evaluator: ImageEvaluator
) -> None:
    alone = evaluator.scores(generate, final=True)
    for file in (folder / "real").iterdir():
        file.unlink()
    exchange, results = Exchange(size), dict[int, dict[str, Score]]()

    def work(rank: int) -> None:
        own = ImageEvaluator(
            evaluation, folder, DrawnImages(), Threads(rank, size, exchange=exchange), batch=6
        )
        results[rank] = own.scores(generate, final=True)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == results[0] for result in results.values())
    assert results[0].keys() == alone.keys()
    for name, score in alone.items():
        assert results[0][name].value == pytest.approx(score.value, rel=1e-9)


def test_images_are_forgotten_batch_by_batch(evaluation: ImageEvaluation, folder: Path) -> None:
    generated: list[weakref.ref[Tensor]] = []
    alive, asked = [], []

    def watched(indices: Sequence[int], repeat: int) -> Tensor:
        alive.append(sum(one() is not None for one in generated))
        asked.append(len(indices))
        images = generate(indices, repeat)
        generated.append(weakref.ref(images))
        return images

    class Watched(DrawnImages):
        def evaluation_batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
            asked.append(len(indices))
            return super().evaluation_batch(indices)

    ImageEvaluator(evaluation, folder, Watched(), Workers(), batch=3).scores(watched, final=True)
    assert len(generated) == 14  # 20 samples by threes, twice
    assert set(alive) == {0}
    assert max(asked) == 3
    assert sum(asked) == 2 * 20 + IMAGES


def test_real_images_are_judged_once_for_all_trials(evaluation: ImageEvaluation, folder: Path) -> None:
    def drawn(evaluation: ImageEvaluation, data: str) -> list[int]:
        images = DrawnImages(data)
        ImageEvaluator(evaluation, folder, images, Workers()).scores(generate, final=False)
        return images.drawn

    assert drawn(evaluation, "a1" * 8) == list(range(IMAGES))
    assert drawn(evaluation, "a1" * 8) == []
    assert drawn(evaluation, "b2" * 8) == list(range(IMAGES))
    assert drawn(replace(evaluation, real_passes=2), "a1" * 8) == 2 * list(range(IMAGES))


def test_a_second_pass_mirrors_and_none_is_there_twice() -> None:
    real = RealImages(DrawnImages(), 2)
    assert len(real) == 2 * IMAGES
    first, second = real.batch([3]), real.batch([IMAGES + 3])
    assert torch.equal(first.flip(-1), second)
    assert torch.equal(real.batch([IMAGES + 3, 3]), torch.cat([second, first]))


def test_the_real_images_themselves_are_at_distance_zero(evaluation: ImageEvaluation, folder: Path) -> None:
    def real(indices: Sequence[int], repeat: int) -> Tensor:
        return to_model(DrawnImages().evaluation_batch(indices)[0])

    whole = replace(evaluation, snapshot_samples=IMAGES, manifold=IMAGES)
    scores = ImageEvaluator(whole, folder, DrawnImages(), Workers()).scores(real, final=False)
    values = {Protocol.parse(name).family: score.value for name, score in scores.items()}
    assert values["fid"] == pytest.approx(0, abs=1e-10)
    assert (values["precision"], values["recall"]) == (1, 1)


def test_a_judge_without_accuracy_has_none_in_names(evaluation: ImageEvaluation, tmp_path: Path) -> None:
    folder = finished(tmp_path, {"is8x1_linearimage-123456_tfbilinear299_s1_data-00000f": 2.5})
    names = ImageEvaluator(evaluation, folder, DrawnImages(), Workers()).scores(generate, final=False)
    assert all("acc" not in name and Protocol.parse(name).accuracy == "" for name in names)


def test_an_overflowing_generator_is_an_error(evaluator: ImageEvaluator) -> None:
    with pytest.raises(FloatingPointError, match="needs finite logits"):
        evaluator.scores(lambda indices, _: torch.full((len(indices), 3, 4, 4), torch.nan), final=False)


def test_clips_are_refused(evaluator: ImageEvaluator) -> None:
    with pytest.raises(ValueError, match="judges images, but got clips of 2 frames"):
        evaluator.scores(lambda indices, _: torch.zeros(len(indices), 3, 2, 4, 4), final=False)


def test_what_cannot_be_scored_is_refused_before_any_work(evaluation: ImageEvaluation, folder: Path) -> None:
    with pytest.raises(ValueError, match="got 11 workers for 10"):
        ImageEvaluator(evaluation, folder, DrawnImages(), Workers(size=11))
    many = replace(evaluation, neighbours=12, samples=20, snapshot_samples=20, manifold=20)
    with pytest.raises(ValueError, match="more real images than neighbours=12, but got 12"):
        ImageEvaluator(many, folder, DrawnImages(), Workers())


def test_a_judge_of_clips_is_refused(
    evaluation: ImageEvaluation, classifier_folder: Path, config: TrialConfig
) -> None:
    with pytest.raises(
        ValueError, match="must be judged by a classifier of images, but linear-.* judges clips"
    ):
        ImageEvaluator(replace(evaluation, classifier=config), classifier_folder, DrawnImages(), Workers())
