"""A request: the study, the part of it that is meant, and the machine settings; and the record of earlier runs that it needs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from retable.cli.arguments.options import StudyOptions, TrainingOptions
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


@dataclass(frozen=True)
class Session:
    """One call of the command line.

    Attributes:
        console: for all that a verb prints.
        load: a study's file -> its study.
        parse: a verb, a study's file and options -> the options; raises CycloptsError.
        tokens: the words after the verb, as typed.
    """

    console: Console
    load: Callable[[Path], Study[Any]]
    parse: Callable[[list[str]], StudyOptions]
    tokens: tuple[str, ...]


Given = Annotated[Session, Parameter(parse=False)]
"""A verb's argument that is not typed but given by `retable.cli.main`."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A study and everything that is asked for it. From `results` on, these are machine settings: they never change a result.

    Attributes:
        tables: numbers of tables; None for those of the scale.
        seeds: training seeds; None for those of the scale.
        data: folder of the data set; None for the one that the scale names.
        workers: most workers of one trial; None for as many as suit the machine.
        address: a running Ray cluster; None for a new one on this machine.
        local: train in this process, without Ray.
        retries: limits on retries, and the classes of failures that are retried now.
        from_mlflow: URI of the tracker that tables are made from, empty for the default one; None for the folder of results.
        classifier: file of the pretrained classifier that `scale` evaluates with; its content is part of signatures.
        encoder: likewise, the pretrained autoencoder.
        storage: URL of the Optuna storage; None for a file in the folder of results.
        gpus: GPUs of each worker; None for one where there are GPUs.
        wait_minutes: minutes that a trial waits for nodes that can hold it.
        exports: folder that tables are exported to; None for the folder of results.
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
        """The plan over a data set of that fingerprint, with the points of searches, and with their winners if wanted."""
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
        """The cells of the study's searches, with the points suggested so far."""
        if not self.study.searches:
            return []
        from retable.search.summary import tuned_cells

        return tuned_cells(self.study, self.scale, data, self.results, tables=self.tables, seeds=self.seeds)

    def records(self) -> "dict[str, TrialRecord]":
        """The ledger's records by signature; empty without a ledger."""
        from retable.store.ledger import Ledger

        path = ResultsFolder(self.results).ledger
        if not path.exists():
            return {}
        with Ledger(path) as ledger:
            return {record.signature: record for record in ledger.trials()}

    def catalog(self, console: Console, *, frames: int = 16) -> "Catalog | None":
        """The data set's catalog if it is on this machine, without rendering anything; shorter videos count as too short."""
        from retable.data.scan.catalog import scan

        root = here(self.scale.data, self.data)
        if root is None:
            console.print(
                Text(
                    f"The data set {self.scale.data} is not on this machine: signatures are provisional, and what is "
                    "done can't be told.",
                    style="yellow",
                )
            )
            return None
        with progress_bar(console, "Looking at its files") as progress:
            return scan(root, frames=frames, progress=progress)

    def fingerprint(self, console: Console) -> str:
        """The data set's fingerprint if it is on this machine, else `ABSENT`."""
        catalog = self.catalog(console)
        return ABSENT if catalog is None else catalog.fingerprint


def states_and_messages(records: "dict[str, TrialRecord]") -> tuple[dict[str, str], dict[str, str]]:
    """The state of each trial, and the message of its last attempt."""
    states: dict[str, str] = {signature: record.state for signature, record in records.items()}
    return states, {key: r.attempts[-1].message for key, r in records.items() if r.attempts}


def requested(study: Study[Any], options: StudyOptions) -> Request:
    """The request that a verb's options make of a study.

    Raises:
        ValueError: the study has no such scale, or a pretrained network can't be read.
    """
    scale = named_scale(study, options.scale)
    if options.iterations is not None:
        scale = scale.with_iterations(options.iterations)
    scale = scale.with_encoder(options.encoder) if options.encoder else scale
    request = Request(
        study=study,
        scale=scale.with_classifier(options.classifier) if options.classifier else scale,
        tables=options.tables,
        seeds=options.seeds,
        results=options.out,
        data=options.data,
        classifier=options.classifier,
        encoder=options.encoder,
    )
    if not isinstance(options, TrainingOptions):
        return request
    return replace(
        request,
        workers=options.workers,
        address=options.address,
        local=options.local,
        retries=options.retries,
        storage=options.optuna_storage,
        gpus=options.gpus_per_worker,
        wait_minutes=options.wait_for_nodes,
    )


def named_scale(study: Study[Any], name: str) -> Scale[Any]:
    """The study's scale of that name.

    Raises:
        ValueError: it has none of that name.
    """
    if name not in study.scales:
        close = get_close_matches(name, study.scales, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"--scale must be one of {', '.join(study.scales)}, but got {name!r}{hint}")
    scale: Scale[Any] = study.scales[name]
    return scale


def refresh(results: Path, *, checkpoints: bool = False) -> None:
    """Copy the results to this machine, where they live under a URL."""
    if not ResultsFolder(results).storage_url.exists():
        return  # without loading pyarrow
    from retable.execution.sync import Storage

    if (storage := Storage.of(results)) is not None:
        storage.refresh(checkpoints=checkpoints)
