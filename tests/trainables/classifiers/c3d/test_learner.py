"""The C3D learner on a small embedded set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from retable.data.embedded.clips import ensure_embedded
from retable.evaluation.features import ClassifierConfig, FeatureExtractor
from retable.metrics.protocol import Protocol
from retable.store.assignment import Assignment
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from tests.precision import in_float64
from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.c3d.learner import C3DLearner
from trainables.classifiers.c3d.scales import SMALL

if TYPE_CHECKING:
    from tests.conftest import WorkerGroup

TINY = replace(
    SMALL, iterations=4, snapshot_every=2, batch_size=4, widths=(2, 2, 3, 3, 4, 4, 4, 4), fc=6, dropout=0.5
)
CPU = torch.device("cpu")


def a_run(root: Path, folder: Path, config: C3DConfig = TINY, *, rank: int = 0, size: int = 1) -> AssignedRun:
    assignment = Assignment(Trial(config, 0, "00ff"), folder, root, 1, {})
    return AssignedRun(assignment, rank, size, CPU)


def learner(root: Path, config: C3DConfig = TINY, workers: Workers | None = None) -> C3DLearner:
    workers = workers or Workers()
    return C3DLearner(config, 0, a_run(root, Path(), rank=workers.rank, size=workers.size), workers)


def trained(
    root: Path, workers: Workers, config: C3DConfig
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Losses of all iterations, and scores afterwards."""
    own = learner(root, config, workers)
    losses = [workers.mean(own.step(iteration)) for iteration in range(config.iterations)]
    return losses, {name: score.value for name, score in own.evaluate(4, final=True).items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ten train and ten test videos, with a cache of their own."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(cache))
        yield ensure_embedded(clips_per_class=2)


@pytest.mark.usefixtures("float64")
def test_steps_are_repeatable_and_start_at_even_odds(root: Path) -> None:
    first, second = (trained(root, Workers(), TINY) for _ in range(2))
    assert first == second
    assert first[0][0]["loss"] == pytest.approx(torch.tensor(10.0).log().item(), rel=1e-12)


def test_a_restored_learner_goes_on_to_the_bit(root: Path) -> None:
    whole = learner(root)
    for iteration in range(2):
        whole.step(iteration)
    resumed = learner(root)
    resumed.load_state(deepcopy(whole.state()))
    for iteration in range(2, 4):
        assert whole.step(iteration) == resumed.step(iteration)
    for a, b in zip(weights(whole).values(), weights(resumed).values(), strict=True):
        assert torch.equal(a, b)


def weights(of: C3DLearner) -> Mapping[str, Tensor]:
    found: Mapping[str, Tensor] = of.state()["network"]
    return found


@pytest.mark.usefixtures("float64")
def test_accumulated_micro_batches_are_one_batch(root: Path) -> None:
    whole, _ = trained(root, Workers(), TINY)
    parts, _ = trained(root, Workers(), replace(TINY, accumulate=2))
    for a, b in zip(whole, parts, strict=True):
        assert b == pytest.approx(a, rel=1e-9)


def as_worker(workers: Workers, folder: Path) -> tuple[list[dict[str, float]], dict[str, float]]:
    with in_float64():
        return trained(ensure_embedded(clips_per_class=2), workers, TINY)


@pytest.mark.usefixtures("float64")
def test_two_workers_train_the_same_network(root: Path, worker_group: WorkerGroup, tmp_path: Path) -> None:
    ours, scores = trained(root, Workers(), TINY)
    for theirs, their_scores in worker_group(__file__, 2, tmp_path):
        assert their_scores == scores
        for a, b in zip(ours, theirs, strict=True):
            assert b == pytest.approx(a, rel=1e-9)


def test_the_accuracy_is_named_by_its_protocol(root: Path) -> None:
    own = learner(root)
    ((name, score),) = own.evaluate(0, final=False).items()
    protocol = Protocol.parse(name)
    assert (protocol.family, protocol.samples, protocol.split) == ("accuracy", 10, "test")
    assert protocol.data == own.test.fingerprint[:6]
    assert score.value in {n / 10 for n in range(11)}


def test_the_loop_trains_it_and_the_metrics_take_it_up(root: Path, tmp_path: Path) -> None:
    run = a_run(root, tmp_path)
    assert loop.train(run.assignment.trial, run) == "done"
    result = json.loads((tmp_path / "result.json").read_text())
    assert {Protocol.parse(name).family for name in result["scores"]} == {"accuracy"}
    assert isinstance(TINY, ClassifierConfig)
    extractor = FeatureExtractor.load(tmp_path, TINY, CPU)
    assert extractor.accuracy == next(iter(result["scores"].values()))["value"]
    logits, features = extractor.features(torch.rand(2, 3, 16, 48, 48))
    assert (logits.shape, features.shape) == ((2, 10), (2, 6))


@pytest.mark.slow
def test_the_small_preset_learns_the_embedded_set(tmp_path: Path) -> None:
    run = a_run(ensure_embedded(), tmp_path, SMALL)
    assert loop.train(run.assignment.trial, run) == "done"
    (score,) = json.loads((tmp_path / "result.json").read_text())["scores"].values()
    assert score["value"] >= 0.95
