"""A Ray that is told of a study, and what it then serves to Prometheus: `python serving.py FOLDER` prints it as JSON.

A trial is trained in a worker, a driver tells of trials by state, and a data set's files are counted.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.request import urlopen

import numpy as np
import ray
import torch

from retable.cluster.connection.settings import SETTINGS
from retable.cluster.monitoring.gauges import WatchedRun, exported, trial_gauges
from retable.cluster.monitoring.series import COUNTERS, GAUGES
from retable.data.samples.split import BATCHES
from retable.execution.execution import Execution
from retable.execution.observers import Observer
from retable.planning.plan import PlannedTrial
from retable.store.assignment import Assignment
from retable.training import loop
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.run import Run, WorkerThroughput
from retable.trial.trial import Trial

DEADLINE = 60
LABELS = {"study": "walking", "scale": "smoke", "cell": "9: λ = ½, “full”"}
IS = "is8x1_c3d-1a2b3c_acc0.983_bilinear32_s1_data-123456"
FID = "fid8x1_c3d-1a2b3c_acc0.983_bilinear32_r1-train_data-123456"


@dataclass(frozen=True, kw_only=True)
class Walk(TrialConfig):
    trainable: ClassVar[str] = "walk"
    iterations: int = 20
    batch_size: int = 2
    snapshot_every: int = 10

    def build(self, seed: int, run: Run, workers: Workers) -> "Walker":
        return Walker()


class Walker:
    best: ClassVar[Best] = Best("is", "max")

    def step(self, iteration: int) -> Mapping[str, torch.Tensor]:
        with BATCHES.counted():
            time.sleep(0.005)
        time.sleep(0.005)
        return {"loss": torch.zeros(())}

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        return {IS: Score(1.5), FID: Score(4321.0)}

    def samples(self) -> np.ndarray | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"place": torch.zeros(1)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        pass


@dataclass
class Named:
    name: str


@dataclass
class Signed:
    signature: str


@dataclass
class Planned:
    study: Named = field(default_factory=lambda: Named("walking"))
    scale: Named = field(default_factory=lambda: Named("smoke"))


@dataclass
class Running:
    """As much of an execution as tells its trials by state."""

    plan: Planned = field(default_factory=Planned)
    states: dict[str, str] = field(
        default_factory=lambda: {"a": "running", "b": "collapsed", "c": "collapsed"}
    )
    observers: tuple[Observer, ...] = ()


def worker(folder: str, seconds: float) -> str:
    """Train a trial, claim a GPU and a score that is none, and stay for so long."""
    trial = Trial(Walk(), 0, "data")
    assignment = Assignment(trial, Path(folder), Path(folder), 1, {}, labels=LABELS)
    with trial_gauges(assignment) as gauges:
        run = WatchedRun(assignment, 0, 1, torch.device("cpu"), gauges)
        loop.train(trial, run)
        run.report_throughput(
            20,
            WorkerThroughput(step_seconds=0.02, data_seconds=0.01, samples_per_second=100.0, memory_mb=3.0),
        )
        run.scored(20, {FID: Score(float("nan"))}, 0.5)
        time.sleep(seconds)
    return trial.signature


def served(port: int) -> list[str]:
    with urlopen(f"http://{ray.util.get_node_ip_address()}:{port}/metrics", timeout=10) as answer:
        return [line for line in answer.read().decode().splitlines() if line.startswith("ray_retable_")]


def wanted() -> set[str]:
    return {f"ray_{series.name}" for series in GAUGES} | {f"ray_{series.name}_total" for series in COUNTERS}


def main(folder: str) -> None:
    from ray.util.metrics import Counter

    from retable.cluster.monitoring.series import FILES

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    port = next(node["MetricsExportPort"] for node in ray.nodes())
    running = Running()
    with exported(cast(Execution, running)):
        task = ray.remote(worker).remote(folder, 45.0)
        tried, refused = (cast(PlannedTrial, Signed(name)) for name in ("a", "b"))
        for observer in running.observers:
            observer.began(tried, cast(Assignment, None))
            observer.ended(tried, "failed", "")
            observer.ended(refused, "blocked", "")  # which is no attempt
        Counter(FILES.name, FILES.about, FILES.labels).inc(3, {"task": "decode", "outcome": "read"})
        first: list[str] = []
        end = time.monotonic() + DEADLINE
        while {line.partition("{")[0] for line in first} < wanted() and time.monotonic() < end:
            time.sleep(1)
            first = served(port)
        time.sleep(25)  # longer than Ray remembers
        later = served(port)
        signature = ray.get(task)
        time.sleep(30)
        after = served(port)
    print(json.dumps({"first": first, "later": later, "after": after, "signature": signature}))  # noqa: T201
    ray.shutdown()


if __name__ == "__main__":
    os.environ.update(SETTINGS)
    main(sys.argv[1])
