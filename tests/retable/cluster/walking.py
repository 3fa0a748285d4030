"""A study whose model is two numbers, run as a user runs a study: `python walking.py --data DIR --out DIR`.

What goes wrong is told by files in the folder that WALKING_FAULTS names, each taken away by the worker that obeys it:
``kill-<s_t>`` kills one rank; ``error-<s_t>``, ``memory-<s_t>`` and ``data-<s_t>`` raise. Ray's workers import this module by name.
With WALKING_PAUSE each step takes that many seconds; in the folder WALKING_SEEN each worker says where it is, by an empty
file ``<s_t>-<rank>-<host>``.
"""

import importlib
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from retable.cli.main import main_study
from retable.data.decode.errors import DataError
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.identity import Label
from retable.trial.learner import Best, Score
from retable.trial.random import stream
from retable.trial.run import Run

NAME = "accuracy8x1_bilinear32_test_data-123456"


@dataclass(frozen=True, kw_only=True)
class Judge(TrialConfig):
    trainable: ClassVar[str] = "judge"
    iterations: int = 10
    batch_size: int = 4
    snapshot_every: int = 10
    s_t: int = 0

    def bound_to_iterations(self) -> str:
        return ""

    def build(self, seed: int, run: Run, workers: Workers) -> "Walker":
        return Walker(self, seed, workers)


@dataclass(frozen=True, kw_only=True)
class Walk(Judge):
    trainable: ClassVar[str] = "walk"
    iterations: int = 40
    batch_size: int = 4
    pause: float = 0.01

    def labels(self) -> Mapping[str, Label]:
        return {"s_t": self.s_t, "batch_size": self.batch_size}

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Judge(),)

    def build(self, seed: int, run: Run, workers: Workers) -> "Walker":
        assert (run.required(next(iter(run.assignment.required))) / "result.json").exists()  # type: ignore[attr-defined]
        return Walker(self, seed, workers)


class Walker:
    """Walks by the mean of the batch's draws, shared out among the workers as a real batch is."""

    best: ClassVar[Best] = Best("accuracy", "max")

    def __init__(self, config: Judge, seed: int, workers: Workers) -> None:
        self.config, self.seed, self.workers = config, seed, workers
        self.place = torch.zeros((), dtype=torch.float64)
        if seen := os.environ.get("WALKING_SEEN"):
            (Path(seen) / f"{config.s_t}-{workers.rank}-{socket.gethostname()}").touch()

    def step(self, iteration: int) -> Mapping[str, torch.Tensor]:
        self._obey(iteration)
        micros = self.workers.indices(self.config.batch_size, self.config.accumulate)
        draws = [stream(self.seed, "step", iteration, index).normal() for mine in micros for index in mine]
        move = self.workers.mean({"move": torch.tensor(draws, dtype=torch.float64).mean()})["move"]
        self.place = self.place + move
        return {"place": self.place}

    def _obey(self, iteration: int) -> None:
        time.sleep(float(os.environ.get("WALKING_PAUSE", getattr(self.config, "pause", 0.0))))
        faults = os.environ.get("WALKING_FAULTS")
        if faults is None or iteration != 25 or self.workers.rank != self.workers.size - 1:
            return
        for fault in Path(faults).glob(f"*-{self.config.s_t}"):
            fault.unlink()
            if fault.name.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if fault.name.startswith("memory"):
                raise RuntimeError(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
                )
            if fault.name.startswith("data"):
                raise DataError("a shard is damaged; prepare the data set again")
            raise ArithmeticError(f"asked to fail at iteration {iteration}")

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        return {NAME: Score(float(torch.sigmoid(self.place)))}

    def samples(self) -> np.ndarray | None:
        return np.zeros((4, 16, 3, 32, 32), np.uint8)

    def state(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.place = state["place"]


BASE = Walk()
ROWS = (
    Row("1", replace(BASE, s_t=1)),
    Row("2", replace(BASE, s_t=2)),
    Row("3", replace(BASE, s_t=3, batch_size=3)),
)
STUDY = Study[Walk](
    name="walking",
    paper="A walk",
    tables=(Table("1", "Walks", ROWS, (Column("accuracy", "accuracy"),)),),
    scales={"smoke": Scale(name="smoke", data="embedded", shrink=lambda config: config, tables={"1": None})},
)

if __name__ == "__main__":
    study = importlib.import_module("walking").STUDY  # by its name, so that Ray's workers find the classes
    raise SystemExit(main_study(study))
