import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor

from retable.data.samples.clips import Clips, to_model
from retable.evaluation.clips import ClipEvaluator
from retable.evaluation.config import Evaluation
from retable.metrics.frechet import Moments
from retable.metrics.inception_score import inception_score
from retable.metrics.protocol import Protocol
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.learner import Score
from retable.trial.random import stream
from tests.retable.metrics.threads import Exchange, Threads

pytestmark = pytest.mark.usefixtures("float64")


def generate(indices: Sequence[int], repeat: int) -> Tensor:
    """Samples keyed by repeat and index, of another size than the classifier's."""
    draws = [stream(3, "fake", repeat, i).normal(size=(3, 2, 5, 5)) for i in indices]
    return torch.from_numpy(np.stack(draws)).float()


@pytest.fixture
def evaluation(config: TrialConfig) -> Evaluation:
    return Evaluation(classifier=config, samples=40, repeats=3, snapshot_samples=20, real_passes=4)


@pytest.fixture
def evaluator(evaluation: Evaluation, classifier_folder: Path, clips: Clips) -> ClipEvaluator:
    return ClipEvaluator(evaluation, classifier_folder, clips, Workers(), batch=7)


def test_snapshots_and_final_scores_are_named_by_their_protocols(evaluator: ClipEvaluator) -> None:
    snapshot, final = (evaluator.scores(generate, final=final) for final in (False, True))
    judge = evaluator.extractor.name
    assert list(snapshot) == [
        f"is20x1_{judge}_acc0.857_bilinear4_s1_data-abcdef",
        f"fid20x1_{judge}_acc0.857_bilinear4_r4-train_data-abcdef",
    ]
    assert [(p.samples, p.repeats) for p in map(Protocol.parse, final)] == [(40, 3), (40, 3)]
    assert [(s.std, s.repeats) for s in snapshot.values()] == [(None, 1)] * 2
    assert [s.repeats for s in final.values()] == [3, 3]
    assert all(s.std is not None and s.std > 0 for s in final.values())


def test_labels_asked_for_equally_often_make_another_protocol(
    evaluation: Evaluation, classifier_folder: Path, clips: Clips
) -> None:
    uniform = replace(evaluation, labels="uniform")
    names = [
        list(ClipEvaluator(each, classifier_folder, clips, Workers(), batch=7).scores(generate, final=False))
        for each in (evaluation, uniform)
    ]
    assert names[1] == [name + "_labels-uniform" for name in names[0]]


def test_scores_are_those_of_an_independent_computation(evaluator: ClipEvaluator, clips: Clips) -> None:
    extractor = evaluator.extractor
    clips.seed = 0
    real = extractor.features(to_model(clips.batch(0, range(24))[0]))[1].double().numpy()
    inception, frechet = [], []
    for repeat in (1, 2, 3):
        logits, features = extractor.features(generate(range(40), repeat))
        inception.append(inception_score(logits))
        fake = features.double().numpy()
        gap = real.mean(0) - fake.mean(0)
        a, b = np.cov(real.T), np.cov(fake.T)
        frechet.append(gap @ gap + np.trace(a + b) - 2 * np.trace(linalg.sqrtm(a @ b)).real)
    found_is, found_fid = evaluator.scores(generate, final=True).values()
    assert found_is.value == pytest.approx(np.mean(inception), rel=1e-12)
    assert found_is.std == pytest.approx(np.std(inception), rel=1e-9)
    assert found_fid.value == pytest.approx(np.mean(frechet), rel=1e-5)
    assert found_fid.std == pytest.approx(np.std(frechet), rel=1e-3)


@pytest.mark.parametrize("size", [1, 2])
def test_fewer_samples_than_features_give_the_same_distance(
    size: int, classifier_folder: Path, clips: Clips, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Evaluation(classifier=evaluation.classifier, snapshot_samples=4, real_passes=4)  # of 5 features
    exchange = Exchange(size)
    workers = [Threads(rank, size, exchange=exchange) for rank in range(size)]

    def distances() -> list[float]:
        evaluators = [ClipEvaluator(few, classifier_folder, clips, one, batch=3) for one in workers]
        with ThreadPoolExecutor(size) as pool:
            scores = list(pool.map(lambda one: one.scores(generate, final=False), evaluators))
        return [list(one.values())[1].value for one in scores]

    thin = distances()
    monkeypatch.setattr(ClipEvaluator, "_spread", lambda self, samples, d: Moments(d, self.workers.device))
    assert thin == pytest.approx(distances(), rel=1e-8)


def test_a_snapshots_samples_are_not_among_the_final_ones(evaluator: ClipEvaluator) -> None:
    asked: list[int] = []

    def noted(indices: Sequence[int], repeat: int) -> Tensor:
        assert not torch.is_grad_enabled()
        asked.append(repeat)
        return generate(indices, repeat)

    evaluator.scores(noted, final=False)
    assert set(asked) == {0}
    asked.clear()
    evaluator.scores(noted, final=True)
    assert set(asked) == {1, 2, 3}


def test_the_real_clips_themselves_are_at_distance_zero(
    evaluation: Evaluation, classifier_folder: Path, clips: Clips
) -> None:
    def real(indices: Sequence[int], repeat: int) -> Tensor:
        again = type(clips)(0)  # type: ignore[call-arg, arg-type]
        return to_model(again.batch(0, indices)[0])

    whole = Evaluation(classifier=evaluation.classifier, snapshot_samples=24, real_passes=4)
    scores = ClipEvaluator(whole, classifier_folder, clips, Workers()).scores(real, final=False)
    assert list(scores.values())[1].value == pytest.approx(0, abs=1e-10)


def test_a_collapsed_generator_scores_one(evaluator: ClipEvaluator) -> None:
    scores = evaluator.scores(lambda indices, _: torch.zeros(len(indices), 3, 2, 5, 5), final=False)
    assert next(iter(scores.values())).value == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("size", [2, 3])
def test_the_number_of_workers_does_not_matter(
    size: int, evaluation: Evaluation, classifier_folder: Path, clips: Clips, tmp_path: Path
) -> None:
    alone = ClipEvaluator(evaluation, classifier_folder, clips, Workers(), batch=7).scores(
        generate, final=True
    )
    for file in (classifier_folder / "real").iterdir():
        file.unlink()
    exchange = Exchange(size)
    results: dict[int, dict[str, Score]] = {}

    def work(rank: int) -> None:
        own = type(clips)(rank)  # type: ignore[call-arg, arg-type]
        workers = Threads(rank, size, exchange=exchange)
        evaluator = ClipEvaluator(evaluation, classifier_folder, own, workers, batch=7)
        results[rank] = evaluator.scores(generate, final=True)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == results[0] for result in results.values())
    assert results[0].keys() == alone.keys()
    for name, score in alone.items():
        assert results[0][name].value == pytest.approx(score.value, rel=1e-9)


def test_real_features_are_computed_once_for_all_trials(
    evaluation: Evaluation, classifier_folder: Path, clips: Clips
) -> None:
    def scored(evaluation: Evaluation = evaluation, seed: int = 1, data: str = "a1" * 8) -> tuple[float, int]:
        own = type(clips)(seed, data)  # type: ignore[call-arg, arg-type]
        scores = ClipEvaluator(evaluation, classifier_folder, own, Workers()).scores(generate, final=False)
        return list(scores.values())[1].value, len(own.drawn)  # type: ignore[attr-defined]

    first = scored()
    assert first[1] == 24
    assert scored(seed=2) == (first[0], 0)  # another trial's seed: the same real clips
    assert scored(data="b2" * 8)[1] == 24
    other = Evaluation(classifier=evaluation.classifier, snapshot_samples=20, real_passes=5)
    assert scored(other)[1] == 30
    assert len(list((classifier_folder / "real").iterdir())) == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damaged_real_features_are_computed_again(
    damage: str, evaluation: Evaluation, classifier_folder: Path, clips: Clips
) -> None:
    def scored() -> float:
        evaluator = ClipEvaluator(evaluation, classifier_folder, clips, Workers())
        return list(evaluator.scores(generate, final=False).values())[1].value

    first = scored()
    (file,) = (classifier_folder / "real").iterdir()
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[-20] ^= 1
    file.write_bytes({"flip": bytes(flipped), "cut": whole[:-9], "empty": b""}[damage])
    assert scored() == first
    assert file.read_bytes() == whole


def test_an_overflowing_generator_is_an_error(evaluator: ClipEvaluator) -> None:
    with pytest.raises(FloatingPointError, match="needs finite logits"):
        evaluator.scores(lambda indices, _: torch.full((len(indices), 3, 2, 5, 5), torch.nan), final=False)


def test_more_workers_than_samples_are_refused(evaluation: Evaluation, clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every worker must get a sample, but got 21 workers for 20"):
        ClipEvaluator(evaluation, tmp_path, clips, Workers(size=21))
