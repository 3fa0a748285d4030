"""Model family of one number, and forecasts of plans over it, for the tests of planning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from retable.costs.cache import CostCache
from retable.data.scan.catalog import Catalog
from retable.planning.duration import Machine
from retable.planning.estimate import estimate
from retable.planning.forecast import Forecast, TrialForecast
from retable.planning.plan import Plan, make_plan
from retable.report.plan.table import print_forecast
from retable.store.formats.result import TrialResult
from retable.store.ledger import Ledger
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import DataNeeds, TrialConfig
from retable.trial.identity import Label
from retable.trial.step_cost import MIB, Line, StepCost


@dataclass(frozen=True, kw_only=True)
class Judge(TrialConfig):
    trainable: ClassVar[str] = "judge"
    iterations: int = 5
    batch_size: int = 2
    snapshot_every: int = 5


@dataclass(frozen=True, kw_only=True)
class Model(TrialConfig):
    """A sample takes `width` GiB and as many GFLOPs."""

    trainable: ClassVar[str] = "model"
    iterations: int = 100
    batch_size: int = 4
    snapshot_every: int = 50
    width: int = 1
    frames: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width == 3:
            raise ValueError(f"width must not be 3, but got {self.width}")

    @property
    def needs(self) -> DataNeeds:
        return DataNeeds(frames=self.frames)

    def cost_key(self) -> Mapping[str, object]:
        return {"width": self.width}

    def step_cost(self) -> StepCost:
        if self.width > 500:
            raise ValueError(f"width must be at most 500, but got {self.width}")
        if self.width == 500:
            raise NotImplementedError("aten::exotic has no meta kernel")
        return StepCost(0, Line(0, self.width * 1e9), Line(0, self.width * 1024 * MIB))

    def labels(self) -> Mapping[str, Label]:
        return {**super().labels(), "width": self.width, "twice": 2 * self.width, "frames": self.frames}

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Judge(),)


BASE = Model()
SCALE = Scale[Model](name="smoke", data="embedded", shrink=lambda config: config, tables={"1": None})


def plan_of(
    *rows: Model, columns: Sequence[Column[Model]] = (), name: str = "small", number: str = "1"
) -> Plan[Model]:
    table = Table(
        number,
        "rows",
        tuple(Row(f"row {at}", config) for at, config in enumerate(rows)),
        tuple(columns) or (Column[Model]("IS", "is"), Column[Model]("FID", "fid")),
    )
    study = Study[Model](name=name, paper="A paper", tables=(table,), scales={})
    return make_plan(study, replace(SCALE, tables={number: None}), "abc")


def forecast_of(
    *plans: Plan[Model],
    tmp_path: Path,
    machine: Machine | None = None,
    ledger: Ledger | None = None,
    catalog: Catalog | None = None,
) -> Forecast:
    records = {} if ledger is None else {record.signature: record for record in ledger.trials()}
    return estimate(
        plans, tmp_path, records, machine or Machine(), catalog=catalog, costs=CostCache(tmp_path / "cache")
    )


def models(forecast: Forecast) -> list[TrialForecast]:
    return [one for one in forecast.trials if one.planned.trial.config.trainable == "model"]


def printed(forecast: Forecast, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        print_forecast(forecast, console)
    return capture.get()


def declared(path: Path, plan: Plan[Model]) -> Ledger:
    ledger = Ledger(path)
    ledger.declare("small", "smoke", [(p.signature, dict(p.trial.identity), p.name) for p in plan.trials])
    return ledger


def result(folder: Path, *, seconds: float, iterations: int = 100, workers: int = 1) -> None:
    """What a finished trial leaves: two snapshots of 3 s each."""
    TrialResult(
        folder.name,
        0,
        "done",
        100,
        iterations=iterations,
        history={50: {}, 100: {}},
        train_seconds=seconds,
        evaluation_seconds=6.0,
        workers=workers,
        device="CPU",
    ).write(folder)
