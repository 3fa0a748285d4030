"""A search whose model is one number, x: IS is best at 0.5, FID at 4, and both grow better with iterations.

As a script it is a study as a user runs one. `python valley.py kills FOLDER FIRST STEP` searches over a folder again and
again, each time in a process of its own that is killed by one of its durable writes, a later one each time, until a
process lives to the end; it prints the numbers of the writes.
"""

import importlib
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optuna
import torch

from retable.cli.main import main_study
from retable.execution import local
from retable.execution.execution import Execution
from retable.execution.retries import Cause, Retries
from retable.io import sealed
from retable.search import history
from retable.search.controller import SearchController
from retable.search.optuna import OptunaStorage
from retable.search.summary import search_plan, tuned_cells
from retable.store import checkpoint, ledger
from retable.study.scale import Scale
from retable.study.search import Halving, Real, Search, Variant
from retable.study.study import Study
from retable.study.table import Row, unchanged
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.identity import Label
from retable.trial.learner import Best, Score
from retable.trial.run import Run

IS = "is8x1_c3d-000000_acc1.000_bilinear32_s1_data-000000"
FID = "fid8x1_c3d-000000_acc1.000_bilinear32_r1-train_data-000000"


@dataclass(frozen=True, kw_only=True)
class Judge(TrialConfig):
    trainable: ClassVar[str] = "valley_judge"
    iterations: int = 1
    batch_size: int = 1
    snapshot_every: int = 1
    x: float = 1.0

    def build(self, seed: int, run: Run, workers: Workers) -> "Valley":
        return Valley(self, seed)


@dataclass(frozen=True, kw_only=True)
class Place(Judge):
    trainable: ClassVar[str] = "valley"
    iterations: int = 3
    s_t: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.x <= 0:
            raise ValueError(f"x must be positive, but got {self.x}")

    def labels(self) -> Mapping[str, Label]:
        return {"s_t": self.s_t, "x": self.x}

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Judge(),)


class Valley:
    best: ClassVar[Best] = Best("is", "max")

    def __init__(self, config: Judge, seed: int) -> None:
        self.config, self.seed, self.steps = config, seed, torch.zeros((), dtype=torch.float64)

    def step(self, iteration: int) -> Mapping[str, torch.Tensor]:
        self.steps = self.steps + 1
        return {"steps": self.steps}

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        far, steps = math.log(self.config.x), float(self.steps)
        return {
            IS: Score(10 - (far - math.log(0.5)) ** 2 + 0.1 * steps + 1e-3 * self.seed),
            FID: Score(100 + 10 * (far - math.log(4)) ** 2 - steps),
        }

    def samples(self) -> np.ndarray | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]


def at(config: Place, x: float) -> Place:
    return replace(config, x=x)


def stride(s_t: int) -> Callable[[Place], Place]:
    return lambda config: replace(config, s_t=s_t)


SEARCH = Search[Place](
    number="x",
    caption="How far along the valley",
    rows=(Row("place", Place()),),
    grid=(Variant("s_t = 1", stride(1)), Variant("s_t = 2", stride(2))),
    space=(Real("x", 0.05, 50.0, at, log=True),),
    objectives=("is", "fid"),
    points={"smoke": 6, "tiny": 2},
    first=({"x": 4.0},),
    pruner=Halving(first=1, factor=2),
)
STUDY = Study[Place](
    name="valley",
    paper="A valley",
    tables=(),
    searches=(SEARCH,),
    scales={
        "smoke": Scale(name="smoke", data="embedded", shrink=unchanged, tables={"x": None}, seeds=(0, 1)),
        "tiny": Scale(name="tiny", data="embedded", shrink=unchanged, tables={"x": None}),
    },
)


def search(
    results: Path,
    study: Study[Place] = STUDY,
    told: list[str] | None = None,
    asked: frozenset[Cause] = frozenset(),
) -> Execution:
    """One run of the study's searches in this process, without Ray or MLflow."""
    scale = study.scales["smoke"]
    cells = tuned_cells(study, scale, "data", results)
    plan = search_plan(study, scale, "data", cells, winners=False)
    with ledger.Ledger(results / "ledger.db") as record:
        storage = OptunaStorage(f"sqlite:///{results / 'optuna.db'}")
        run = Execution(plan, results, results, record, retries=Retries(requested=asked))
        SearchController(run, cells, storage, scale.seeds, (told if told is not None else []).append)
        local.run_plan(run)
        storage.close()
    return run


def kill_at(moment: int) -> None:
    """Have this process killed by the durable write of that number: just before it, or if odd, just after it."""
    left = moment // 2

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        @wraps(original)
        def write(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1 and moment % 2 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*arguments, **named)
            if left <= -1:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, write)

    for name in ("declare", "begin", "finish", "prune"):
        counted(ledger.Ledger, name)
    for name in (
        "create_new_study",
        "create_new_trial",
        "set_trial_intermediate_value",
        "set_trial_user_attr",
        "set_trial_state_values",
    ):
        counted(optuna.storages.RDBStorage, name)
    for module in (history, sealed):  # suggestions; configs, results and fences
        counted(module, "write_json")
    counted(checkpoint, "save")


def killed_again_and_again(folder: Path, first: int, step: int) -> None:
    search(folder / "reference")  # and everything is imported before the first fork
    for moment in range(first, 10_000, step):
        child = os.fork()
        if child == 0:
            kill_at(moment)
            search(folder / "killed")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{moment}\n")
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return


if __name__ == "__main__":
    valley = importlib.import_module("valley")  # by its name, so that Ray's workers find the classes
    if sys.argv[1] == "kills":
        valley.killed_again_and_again(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        raise SystemExit(main_study(valley.STUDY))
