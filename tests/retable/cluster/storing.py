"""Trains an autoencoder and stores its codes on a Ray of its own, twice over: `python storing.py ROOT FOLDER`.

Prints what became of it as JSON. An actor is killed over its second shard, once; the code of the second study raises.
Each batch takes PAUSE seconds and more.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.cluster.run import run_plan
from retable.data.decode.spec import ImageSpec
from retable.data.samples import array_store
from retable.data.scan.catalog import scan
from retable.execution.execution import Execution
from retable.planning.plan import make_plan
from retable.store.ledger import Ledger
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from retable.trial.run import Run
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.encoding.config import CodesConfig
from trainables.code_gan.encoding.learner import CodeWriter

PAUSE = 0.5
ENCODER = AutoencoderConfig(
    iterations=2, batch_size=2, snapshot_every=2, width=2, d_width=2, data=ImageSpec(size=16), scored=4
)


class TrappedWriter(CodeWriter):
    """Dies over shard 1 the first time that anybody is at it; where it is broken, raises over it every time."""

    broken = False

    def write(self, partition: int) -> None:
        array_store.ROWS = 6
        with (self.run.folder / "pieces.txt").open("a") as file:
            file.write(f"{partition} {os.getpid()}\n")
        if partition == 1 and self.broken:
            raise ArithmeticError("asked to fail over shard 1")
        died = self.run.folder / "died"
        if partition == 1 and not died.exists():
            died.touch()
            os._exit(7)
        super().write(partition)

    def _codes(self, rows: Sequence[int]) -> array_store.Array:
        time.sleep(PAUSE)
        return super()._codes(rows)


class BrokenWriter(TrappedWriter):
    broken = True


@dataclass(frozen=True, kw_only=True)
class TrappedCodes(CodesConfig):
    """Codes written with such a writer."""

    broken: bool = False

    def partitions(self, seed: int, run: Run) -> CodeWriter:
        array_store.ROWS = 6
        return (BrokenWriter if self.broken else TrappedWriter).of(self, seed, run)


def main(root: Path, folder: Path) -> dict[str, object]:
    rows = tuple(
        Row[TrialConfig](str(broken), TrappedCodes(of=ENCODER, data=ENCODER.data, scored=4, broken=broken))
        for broken in (False, True)
    )
    study = Study(
        name="storing",
        paper="",
        tables=(Table("1", "", rows, (Column[TrialConfig]("MSE", "mse01"),)),),
        scales={"tiny": Scale(name="tiny", data="embedded_images", shrink=unchanged, tables={"1": None})},
    )
    plan = make_plan(study, study.scales["tiny"], scan(root).fingerprint)
    for planned in plan.trials:
        planned.trial.config.prepare(root)
    with Ledger(folder / "ledger.db") as ledger:
        execution = Execution(plan, folder, root, ledger)
        run_plan(execution, workers=2)
        attempts = {record.signature: len(record.attempts) for record in ledger.trials()}
    return {
        "signatures": [planned.signature for planned in plan.trials],
        "states": execution.states,
        "messages": execution.messages,
        "attempts": attempts,
        "pause": PAUSE,
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))  # noqa: T201
