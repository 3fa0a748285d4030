"""Minutes for an epoch, from a trial's own steps, as a score like any other."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from retable.costs.throughput import TrialThroughput
from retable.metrics.protocol import Protocol, comparable, higher_is_better, in_print
from retable.planning.plan import make_plan
from retable.report.results.cells import filled_cells
from retable.report.results.epoch_minutes import with_minutes
from retable.report.results.load import Result
from retable.report.tables.wide import wide_tables
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial

NAME = "minutes600x1_cpu_w2"


@dataclass(frozen=True, kw_only=True)
class Feeder(TrialConfig):
    trainable: ClassVar[str] = "feeder"
    epoch: ClassVar[int] = 600
    iterations: int = 40
    batch_size: int = 4
    snapshot_every: int = 20
    fast: bool = False

    @property
    def samples_per_iteration(self) -> int:
        return 2 * self.batch_size


def outcome(config: Feeder, seconds: float, *, device: str = "CPU", iteration: int = 40) -> Result:
    signature = Trial(config, 0, "data").signature
    speed = TrialThroughput(iteration, seconds, 1.0, 2, device)
    return Result(signature, "done", 0, {}, 40, 1.0, 2.0, throughput=speed, best_by="lowest FID")


def test_minutes_by_hand() -> None:
    # 8 samples in 1.6 s: 600 of them take 120 s.
    timed = with_minutes(outcome(Feeder(), 1.6), Feeder())
    assert timed.scores[NAME].value == pytest.approx(2.0)
    assert timed.scores[NAME].std is None


@dataclass(frozen=True, kw_only=True)
class Uncounted(Feeder):
    epoch: ClassVar[int] = 0


def test_where_there_are_none() -> None:
    few = outcome(Feeder(), 1.6, iteration=19)
    assert with_minutes(few, Feeder()) is few
    assert not with_minutes(outcome(Feeder(), 1.6), Uncounted()).scores
    untimed = replace(outcome(Feeder(), 1.6), throughput=None)
    assert with_minutes(untimed, Feeder()) is untimed


def test_the_protocol_names_the_machine() -> None:
    protocol = Protocol.parse(NAME)
    assert (protocol.samples, protocol.device, protocol.workers) == (600, "cpu", 2)
    (name,) = with_minutes(outcome(Feeder(), 1.6, device="NVIDIA H100 80GB HBM3"), Feeder()).scores
    assert name == "minutes600x1_nvidia-h100-80gb-hbm3_w2"
    assert comparable(protocol, Protocol.parse(name)).startswith("not comparable: device cpu against nvidia")
    assert not higher_is_better("minutes")
    assert in_print("minutes") == "minutes"
    with pytest.raises(ValueError, match="minutes does not depend on data: leave it unset"):
        replace(protocol, data="5d6e7f")


def test_two_cpus_are_two_machines() -> None:
    names = []
    for device in ("Intel Xeon Platinum 8481C @ 2.70GHz, 64 threads", "Intel Core Ultra 7 155H, 1 thread"):
        (name,) = with_minutes(outcome(Feeder(), 1.6, device=f"CPU {device}"), Feeder()).scores
        assert Protocol.parse(name).name == name
        names.append(name)
    assert names == [
        "minutes600x1_cpu-intel-xeon-platinum-8481c-2-70ghz-64-threads_w2",
        "minutes600x1_cpu-intel-core-ultra-7-155h-1-thread_w2",
    ]
    assert comparable(*map(Protocol.parse, names)).startswith("not comparable: device cpu-intel-xeon")


SLOW, FAST = Feeder(), Feeder(fast=True)
COLUMNS = (
    Column[Feeder]("before", "minutes"),
    Column[Feeder]("after", "minutes", change=lambda config: replace(config, fast=True)),
)


def notes(by: str, *, fast_on: str = "CPU") -> tuple[str, ...]:
    """Of a table whose reference is a column, or a row."""
    if by == "column":
        table = Table[Feeder]("3", "", (Row("256 px", SLOW),), COLUMNS, reference="before")
    else:
        rows = (Row("none", SLOW), Row("h/4", FAST))
        table = Table("3", "", rows, (Column("minutes", "minutes"),), reference="none")
    scale = Scale[Feeder](name="toy", data="embedded", shrink=unchanged, tables={"3": None})
    study = Study[Feeder](name="example", paper="", tables=(table,), scales={"toy": scale})
    plan = make_plan(study, scale, "data")
    results = {one.signature: one for one in (outcome(SLOW, 3.2), outcome(FAST, 1.6, device=fast_on))}
    (wide,) = wide_tables(plan, filled_cells(plan, results))
    assert [cell.ours for cells in wide.rows.values() for cell in cells] == ["4.00", "2.00"]
    return wide.notes


def test_how_many_times_as_fast() -> None:
    assert "256 px, after: 2.00 times as fast as before." in notes("column")
    assert "h/4: 2.00 times as fast as none." in notes("row")
    for other in ("Tesla P100", "CPU AMD EPYC, 64 threads"):
        assert not any("times as fast" in note for note in notes("row", fast_on=other))


def test_what_minutes_are_is_said_and_no_snapshot_is_named() -> None:
    text = " ".join(notes("column"))
    assert "at the mean speed of each trial's own steps (20 at least)" in text
    assert "best snapshot" not in text
