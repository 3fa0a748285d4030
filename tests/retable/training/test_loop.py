"""The loop with a learner that is two numbers: what it saves, resumes, reports and refuses."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from retable.costs.device import device_name
from retable.data.samples.split import BATCHES
from retable.store import metrics_log
from retable.store.assignment import Assignment
from retable.store.trained import kept, learnt, trained
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.random import stream
from retable.trial.run import Run, WorkerThroughput
from retable.trial.trial import Trial

NAME = "accuracy8x1_bilinear32_test_data-123456"


@dataclass(frozen=True, kw_only=True)
class Walk(TrialConfig):
    trainable: ClassVar[str] = "walk"
    iterations: int = 25
    batch_size: int = 2
    snapshot_every: int = 10
    poison: int | None = None

    def build(self, seed: int, run: Run, workers: Workers) -> "Walker":
        return Walker(self, seed)


class Walker:
    best: ClassVar[Best] = Best("accuracy", "max")

    def __init__(self, config: Walk, seed: int) -> None:
        self.config, self.seed = config, seed
        self.place = torch.zeros(2)

    def step(self, iteration: int) -> Mapping[str, torch.Tensor]:
        self.place = (
            self.place + torch.from_numpy(stream(self.seed, "step", iteration).normal(size=2)).float()
        )
        if iteration == self.config.poison:
            self.place = self.place * torch.nan
        return {"loss": self.place.sum()}

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        value = {10: 0.5, 20: 0.75}.get(iteration, 0.25)
        return {NAME: Score(value, 0.1 if final else None, 3 if final else 1)}

    def samples(self) -> np.ndarray | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.place = state["place"]


def run_of(folder: Path, config: Walk = Walk(), attempt: int = 1) -> AssignedRun:
    assignment = Assignment(Trial(config, 3, "data"), folder, folder, attempt, {})
    return AssignedRun(assignment, 0, 1, torch.device("cpu"))


def train(folder: Path, config: Walk = Walk(), attempt: int = 1) -> str:
    return loop.train(Trial(config, 3, "data"), run_of(folder, config, attempt))


def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


@dataclass(frozen=True, kw_only=True)
class Landmarks(Walk):
    """Keeps its second snapshot, which is neither the best nor among the newest two."""

    trainable: ClassVar[str] = "landmarks"
    iterations: int = 60

    def landmarks(self) -> Collection[int]:
        return {30}


def test_landmarks_keep_their_weights(tmp_path: Path) -> None:
    assert train(tmp_path, Landmarks()) == "done"
    snapshots = kept(tmp_path, Trial(Landmarks(), 3, "data").signature)
    assert [one.snapshot.iteration for one in snapshots] == [20, 30, 50, 60]  # 20 is the best
    seconds = [one.seconds for one in snapshots]
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(result(tmp_path)["train_seconds"])
    whole = learnt(snapshots[1].snapshot, "cpu")
    train(tmp_path / "short", Walk(iterations=30))
    short = trained(tmp_path / "short")
    assert short.snapshot.iteration == 20
    assert torch.equal(
        whole["place"],
        learnt(kept(tmp_path / "short", short.snapshot.signature)[-1].snapshot, "cpu")["place"],
    )


def test_the_best_snapshot_is_the_result(tmp_path: Path) -> None:
    assert train(tmp_path) == "done"
    got = result(tmp_path)
    assert (got["state"], got["best"], got["iterations"]) == ("done", 20, 25)
    assert got["scores"] == {NAME: {"value": 0.75, "std": 0.1, "repeats": 3}}
    assert got["history"] == {"10": {NAME: 0.5}, "20": {NAME: 0.75}, "25": {NAME: 0.25}}
    assert list(got["seconds"]) == list(got["history"])
    assert got["device"] == device_name(torch.device("cpu"))
    assert 0 < got["seconds"]["10"] < got["seconds"]["20"] < got["seconds"]["25"] == got["train_seconds"]


def test_the_outbox_has_losses_and_every_evaluation_once(tmp_path: Path) -> None:
    train(tmp_path)
    points, _ = metrics_log.read(tmp_path)
    assert [p.iteration for p in points if p.key == "loss"] == [10, 20, 25]
    scores = [(p.iteration, p.value) for p in points if p.key == NAME]
    assert scores[:4] == [(0, 0.25), (10, 0.5), (20, 0.75), (25, 0.25)]


class Watched(AssignedRun):
    """Remembers what it was told."""

    def __init__(self, folder: Path, config: Walk) -> None:
        super().__init__(run_of(folder, config).assignment, 0, 1, torch.device("cpu"))
        self.paces: list[tuple[int, WorkerThroughput]] = []
        self.scores: list[tuple[int, dict[str, float]]] = []

    def report_throughput(self, iteration: int, pace: WorkerThroughput) -> None:
        self.paces.append((iteration, pace))

    def scored(self, iteration: int, scores: Mapping[str, Score], seconds: float) -> None:
        assert seconds >= 0
        self.scores.append((iteration, {name: score.value for name, score in scores.items()}))


def test_who_watches_is_told_of_the_pace_and_of_every_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Walker.step

    def slow(self: Walker, iteration: int) -> Mapping[str, torch.Tensor]:
        time.sleep(0.01)
        with BATCHES.counted():
            time.sleep(0.01)
        return step(self, iteration)

    monkeypatch.setattr(Walker, "step", slow)
    run = Watched(tmp_path, Walk())
    assert loop.train(Trial(Walk(), 3, "data"), run) == "done"
    assert [iteration for iteration, _ in run.paces] == [10, 20, 25]
    for _, pace in run.paces:
        assert pace.data_seconds >= 0.01
        assert pace.data_seconds + 0.01 <= pace.step_seconds
        assert pace.samples_per_second == pytest.approx(2 / pace.step_seconds)
        assert pace.memory_mb is None
    values = [(0, 0.25), (10, 0.5), (20, 0.75), (25, 0.25), (20, 0.75)]  # the last: the best one's full score
    assert run.scores == [(iteration, {NAME: value}) for iteration, value in values]


@dataclass(frozen=True, kw_only=True)
class Hungry(Walk):
    """Each of several updates in an iteration has a batch of its own."""

    trainable: ClassVar[str] = "hungry"

    @property
    def samples_per_iteration(self) -> int:
        return 5 * self.batch_size


def test_samples_per_second_are_those_that_are_fed(tmp_path: Path) -> None:
    run = Watched(tmp_path, Hungry())
    loop.train(Trial(Hungry(), 3, "data"), run)
    for _, pace in run.paces:
        assert pace.samples_per_second * pace.step_seconds == pytest.approx(10)


def test_the_process_has_its_denormal_numbers_back_afterwards(tmp_path: Path) -> None:
    train(tmp_path)
    smallest = 5e-324
    assert smallest * 1.0 > 0


class Interrupted(Exception):
    """Stands for a kill between two iterations."""


@pytest.mark.parametrize("at", [3, 10, 17, 20, 24])
def test_a_killed_trial_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    train(tmp_path / "whole")
    step = Walker.step

    def killed(self: Walker, iteration: int) -> Mapping[str, torch.Tensor]:
        if iteration == at:
            raise Interrupted
        return step(self, iteration)

    monkeypatch.setattr(Walker, "step", killed)
    with pytest.raises(Interrupted):
        train(tmp_path / "killed")
    monkeypatch.setattr(Walker, "step", step)
    assert train(tmp_path / "killed", attempt=2) == "done"
    whole, killed_points = (
        {
            (p.key, p.iteration): p.value
            for p in metrics_log.read(tmp_path / name)[0]
            if p.key != "iterations_per_second"
        }
        for name in ("whole", "killed")
    )
    assert whole == killed_points
    assert result(tmp_path / "whole")["scores"] == result(tmp_path / "killed")["scores"]


def test_a_loss_that_is_not_finite_ends_the_trial_with_its_last_good_snapshot(tmp_path: Path) -> None:
    assert train(tmp_path, Walk(poison=23)) == "collapsed"
    got = result(tmp_path)
    assert (got["state"], got["collapsed_at"], got["best"]) == ("collapsed", 25, 20)
    assert got["scores"][NAME]["value"] == 0.75


def test_a_collapse_before_the_first_snapshot_has_no_score(tmp_path: Path) -> None:
    assert train(tmp_path, Walk(poison=4)) == "collapsed"
    assert (result(tmp_path)["scores"], result(tmp_path)["best"]) == ({}, None)


def test_samples_that_are_not_finite_are_a_collapse_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Walker.evaluate

    def overflowing(self: Walker, iteration: int, *, final: bool) -> Mapping[str, Score]:
        if iteration == 20:
            raise FloatingPointError("a sample's features are not finite")
        return evaluate(self, iteration, final=final)

    monkeypatch.setattr(Walker, "evaluate", overflowing)
    assert train(tmp_path) == "collapsed"
    assert (result(tmp_path)["collapsed_at"], result(tmp_path)["best"]) == (20, 10)


def test_asked_to_stop_it_saves_and_goes_on_later(tmp_path: Path) -> None:
    config = Walk(snapshot_every=25)
    run = run_of(tmp_path, config)
    run.assignment.stop_request.touch()
    assert loop.train(Trial(config, 3, "data"), run) == "stopped"
    assert not (tmp_path / "result.json").exists()
    assert (tmp_path / "checkpoints" / "00000010").is_dir()
    assert train(tmp_path, config, attempt=2) == "done"


def test_a_stop_is_obeyed_where_every_look_at_the_losses_is_a_snapshot(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.assignment.stop_request.touch()
    assert loop.train(run.assignment.trial, run) == "stopped"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000010"]


def test_slow_steps_are_stopped_between_two_looks_at_the_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Walk(snapshot_every=25)
    run = run_of(tmp_path / "stopped", config)
    asked = iter(range(100))
    monkeypatch.setattr(type(run), "should_stop", lambda self: next(asked) >= 4)
    monkeypatch.setattr(loop, "SLOW_SECONDS", 0.0)
    assert loop.train(Trial(config, 3, "data"), run) == "stopped"
    # Ten steps before anybody knows that they are slow and one look; then a look after each.
    assert [path.name for path in (tmp_path / "stopped" / "checkpoints").iterdir()] == ["00000014"]
    monkeypatch.undo()
    assert train(tmp_path / "stopped", config, attempt=2) == "done"
    assert train(tmp_path / "whole", config) == "done"
    ours, whole = (
        json.loads((tmp_path / name / "result.json").read_text())["history"] for name in ("stopped", "whole")
    )
    assert ours == whole


def test_a_batch_that_cannot_be_shared_is_refused_before_any_compute(tmp_path: Path) -> None:
    run = replace(run_of(tmp_path), world_size=3)
    with pytest.raises(
        ValueError, match="must be a multiple of the workers, but got batch_size=2, accumulate=1, workers=3"
    ):
        loop.train(Trial(Walk(), 3, "data"), run)
    assert list(tmp_path.iterdir()) == []
