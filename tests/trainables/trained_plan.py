"""Plans trained by the real loop, in this process and with nothing failed, and what became of their trials."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from retable.data.scan.catalog import scan
from retable.execution import local
from retable.execution.execution import Execution
from retable.planning.plan import Plan, make_plan
from retable.store.ledger import Ledger
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial

C = TypeVar("C", bound=TrialConfig)


@dataclass(frozen=True)
class Outcome:
    """Finished trials.

    Attributes:
        configs: one for each row of the only table, by the row's name.
        seed: of the rows' trials; what they require has its own.
    """

    configs: Mapping[str, TrialConfig]
    seed: int
    plan: Plan[TrialConfig]
    results: Path

    def folder(self, name: str) -> Path:
        """Of the trial of that row."""
        return self.results / "trials" / Trial(self.configs[name], self.seed, self.plan.data).signature

    def result(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(name) / "result.json").read_bytes())
        return found


def outcome_of(
    configs: Mapping[str, TrialConfig], metric: str, data: Path, results: Path, seed: int
) -> Outcome:
    """Train a table with a row for each config.

    Args:
        data: root of the data set.
    """
    rows = tuple(Row(name, config) for name, config in configs.items())
    scale = Scale[TrialConfig](name="tiny", data="own", shrink=unchanged, tables={"1": None}, seeds=(seed,))
    table = Table("1", "", rows, (Column[TrialConfig](metric, metric),))
    study = Study(name="rows", paper="", tables=(table,), scales={"tiny": scale})
    return Outcome(configs, seed, trained_plan(study, "tiny", data, results), results)


def trained_plan(study: Study[C], scale: str, data: Path, results: Path) -> Plan[C]:
    """The plan of a study at that scale, after all its trials have finished."""
    plan = make_plan(study, study.scales[scale], scan(data).fingerprint)
    for planned in plan.trials:
        assert planned.trial.config.prepare(data) == ""
    with Ledger(results / "ledger.db") as ledger:
        execution = Execution(plan, results, data, ledger)
        local.run_plan(execution)
    assert execution.messages == {}
    assert set(execution.states.values()) == {"done"}
    return plan
