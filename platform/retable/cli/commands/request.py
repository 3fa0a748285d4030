"""What the command line does without training: plan, table, and checking a data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from retable.data.datasets import here
from retable.execution.retries import Retries
from retable.io.console import progress_bar
from retable.planning.plan import Plan, make_plan
from retable.store.formats.layout import ResultsFolder
from retable.study.scale import Scale
from retable.study.study import Study

if TYPE_CHECKING:
    from retable.data.scan.catalog import Catalog
    from retable.search.cell import TunedCell
    from retable.store.records import TrialRecord

ABSENT = "absent"
"""Stands for the fingerprint of a data set that is not on this machine: signatures are then provisional."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for. From `results` on, these are machine knobs: they never change a result.

    Attributes:
        tables: numbers of tables; None for the scale's own choice.
        seeds: training seeds; None for the scale's.
        data: folder of the data set; None for the scale's.
        workers: most workers of one trial; None for as many as suits the machine.
        address: a running Ray cluster; None for one of our own.
        local: train in this process, without Ray.
        retries: what of the failed trials is begun again.
        from_mlflow: make tables from this tracker (empty: the default one) and no folder of results.
        classifier: file of weights that `scale` was changed to be judged by; its content is part of signatures.
        encoder: likewise, the autoencoder that gives codes.
        storage: URL of Optuna's storage; None for a file in the folder of results.
        gpus: of each worker; None for one where there are any.
        wait_minutes: how long a trial waits for a node that can hold it.
        exports: folder that tables are exported to; None for that of the results.
    """

    study: Study[Any]
    scale: Scale[Any]
    tables: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    results: Path
    data: Path | None = None
    workers: int | None = None
    address: str | None = None
    local: bool = False
    retries: Retries = field(default_factory=Retries)
    from_mlflow: str | None = None
    classifier: Path | None = None
    encoder: Path | None = None
    storage: str | None = None
    gpus: float | None = None
    wait_minutes: float = 30.0
    exports: Path | None = None

    def plan(self, data: str, *, winners: bool = True) -> Plan[Any]:
        """The plan over a data set of that fingerprint; with its searches' points, and their winners if asked for."""
        if not self.study.searches:
            return make_plan(self.study, self.scale, data, tables=self.tables, seeds=self.seeds)
        from retable.search.summary import search_plan

        return search_plan(
            self.study,
            self.scale,
            data,
            self.tunings(data),
            tables=self.tables,
            seeds=self.seeds,
            winners=winners,
        )

    def tunings(self, data: str) -> "list[TunedCell[Any]]":
        """The cells of the study's searches, with what was asked so far."""
        if not self.study.searches:
            return []
        from retable.search.summary import tuned_cells

        return tuned_cells(self.study, self.scale, data, self.results, tables=self.tables, seeds=self.seeds)


def named_scale(study: Study[Any], name: str) -> Scale[Any]:
    """The study's scale of that name.

    Raises:
        ValueError: it has none of that name.
    """
    if name not in study.scales:
        raise ValueError(f"--scale must be one of {', '.join(study.scales)}, but got {name!r}")
    scale: Scale[Any] = study.scales[name]
    return scale


def _catalog_if_here(request: Request, console: Console, *, frames: int = 16) -> "Catalog | None":
    """What is in the data set, if it is on this machine; a video of fewer frames counts as too short."""
    from retable.data.scan.catalog import scan

    root = here(request.scale.data, request.data)
    if root is None:
        console.print(
            Text(
                f"The data set {request.scale.data} is not on this machine: signatures are provisional, and what is "
                "done can't be told.",
                style="yellow",
            )
        )
        return None
    with progress_bar(console, "Looking at its files") as progress:
        return scan(root, frames=frames, progress=progress)


def _told(records: "Mapping[str, TrialRecord]") -> tuple[dict[str, str], dict[str, str]]:
    states: dict[str, str] = {signature: record.state for signature, record in records.items()}
    return states, {key: r.attempts[-1].message for key, r in records.items() if r.attempts}


def _records(request: Request) -> "dict[str, TrialRecord]":
    """What the ledger has, by signature; nothing where there is none."""
    from retable.store.ledger import Ledger

    path = ResultsFolder(request.results).ledger
    if not path.exists():
        return {}
    with Ledger(path) as ledger:
        return {record.signature: record for record in ledger.trials()}


def fingerprint_if_here(request: Request, console: Console) -> str:
    """The data set's fingerprint if it is on this machine, without rendering or fetching anything."""
    catalog = _catalog_if_here(request, console)
    return ABSENT if catalog is None else catalog.fingerprint


def ledger_states(request: Request) -> tuple[dict[str, str], dict[str, str]]:
    """What the ledger says of each trial: its state, and the message of its last attempt."""
    return _told(_records(request))
