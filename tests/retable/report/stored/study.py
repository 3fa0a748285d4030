"""A study whose model is one number, which walks by whole steps: the same to the bit on every machine.

With STORED_FAULTS one trial fails, and the run is interrupted in the last row.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from retable.study.claims import Claim, Place
from retable.study.comparisons import EqualTime
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.identity import Label
from retable.trial.learner import Best, Score
from retable.trial.random import stream
from retable.trial.run import Run

FAULTS = "STORED_FAULTS"


@dataclass(frozen=True, kw_only=True)
class Judge(TrialConfig):
    """Required by the walks, as a classifier is for IS and FID."""

    trainable: ClassVar[str] = "stored_judge"
    iterations: int = 4
    batch_size: int = 4
    snapshot_every: int = 4

    def build(self, seed: int, run: Run, workers: Workers) -> "Learner":
        return Learner(self, seed, run, workers)


@dataclass(frozen=True, kw_only=True)
class Walk(TrialConfig):
    """A walk that takes `gain` steps to the better on an average.

    Attributes:
        collapses_at: iteration whose loss is not finite; None for none.
        fails: at seed 1, with STORED_FAULTS.
        stops: the whole run, with STORED_FAULTS.
    """

    trainable: ClassVar[str] = "stored_walk"
    iterations: int = 8
    batch_size: int = 4
    snapshot_every: int = 4
    s_t: int = 1
    gain: int = 0
    collapses_at: int | None = None
    fails: bool = False
    stops: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.s_t < 1:
            raise ValueError(f"s_t must be at least 1, but got {self.s_t}")

    def labels(self) -> Mapping[str, Label]:
        return {"s_t": self.s_t, "batch_size": self.batch_size, "gain": self.gain}

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Judge(),)

    def build(self, seed: int, run: Run, workers: Workers) -> "Learner":
        return Learner(self, seed, run, workers)


class Learner:
    """Adds up whole numbers, which no processor rounds."""

    best: ClassVar[Best] = Best("fid", "min")

    def __init__(self, config: Judge | Walk, seed: int, run: Run, workers: Workers) -> None:
        self.walk = config if isinstance(config, Walk) else Walk()
        self.config, self.seed, self.data, self.workers = config, seed, run.fingerprint[:6], workers
        self.place = torch.zeros((), dtype=torch.float64)

    def step(self, iteration: int) -> Mapping[str, torch.Tensor]:
        if FAULTS in os.environ and iteration == 5 and self.walk.fails and self.seed == 1:
            raise ArithmeticError("asked to fail at iteration 5: $0.1 < 1 & `more` | [bold]less[/bold]")
        if FAULTS in os.environ and iteration == 2 and self.walk.stops:
            os.kill(os.getpid(), signal.SIGINT)
        for mine in self.workers.indices(self.config.batch_size, self.config.accumulate):
            for index in mine:
                draw = stream(self.seed, "step", iteration, index).integers(-8, 9)
                self.place = self.place + self.walk.gain + int(draw)
        if iteration == self.walk.collapses_at:
            return {"place": torch.tensor(torch.nan)}
        return {"place": self.place}

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        if isinstance(self.config, Judge):
            return {f"accuracy8x1_bilinear8_test_data-{self.data}": Score(0.875)}
        far = float(self.place) / 64
        how = f"{'4x2' if final else '2x1'}_judge-1a2b3c_acc0.875_bilinear8"
        repeats = 2 if final else 1
        return {
            f"is{how}_s1_data-{self.data}": Score(4 + far, 0.125 if final else None, repeats),
            f"fid{how}_r1-train_data-{self.data}": Score(32 - 2 * far, 0.5 if final else None, repeats),
        }

    def samples(self) -> np.ndarray | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.place = state["place"]


def slower(config: Walk) -> Walk:
    """Every second frame, and two steps more."""
    return replace(config, s_t=2, gain=config.gain + 2)


BASE = Walk()
SCORES = (Column[Walk]("IS", "is"), Column[Walk]("FID", "fid"))
ONE = Table(
    "1",
    "Walks of several gains",
    (
        Row("Naive", BASE),
        Row("Full", replace(BASE, s_t=2, gain=6)),
        Row("Fragile, 50% & more", replace(BASE, s_t=4, gain=3, fails=True)),
        Row[Walk]("Others"),
    ),
    SCORES,
    reference="Naive",
)
TWO = Table(
    "2",
    "IS by batch size",
    (
        Row("batch 4", BASE),
        Row("batch 8", replace(BASE, batch_size=8, collapses_at=7)),
        Row("batch 4, gain 4", replace(BASE, s_t=2, gain=4, stops=True)),
    ),
    (
        Column("Naive", "is"),
        Column("s_t = 2", "is", slower),
        Column("s_t = 0", "is", lambda c: replace(c, s_t=0)),
    ),
    reference="Naive",
)
NAIVE, FULL = Place("1", "Naive", "FID"), Place("1", "Full", "FID")
CLAIMS = (
    Claim(
        "3.1",
        "The full model walks further.",
        (FULL.beats(NAIVE), Place("1", "Full", "IS").beats(Place("1", "Naive", "IS"))),
    ),
    Claim("3.2", "The naive model walks further.", (NAIVE.beats(FULL),)),
    Claim("3.3", "A fragile one does too.", (Place("1", "Fragile, 50% & more", "FID").beats(NAIVE),)),
)
EVERY = {"1": None, "2": None}

STUDY = Study[Walk](
    name="stored",
    paper="A walk (2019)",
    tables=(ONE, TWO),
    published=Path(__file__).with_name("published.csv"),
    claims=CLAIMS,
    equal_times=(EqualTime(table="1", compared="rows"),),
    scales={
        "smoke": Scale(name="smoke", data="walks", shrink=lambda c: c, tables=EVERY, seeds=(0, 1)),
        "paper": Scale(
            name="paper", data="walks", shrink=lambda c: c, tables=EVERY, seeds=(0, 1), comparable=True
        ),
    },
)
