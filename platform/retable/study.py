"""A paper's tables, declared before anything has run. No torch, no Ray: a study is data."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from retable.claims import Claim, Place
from retable.identity import identified
from retable.published import Label, Published, PublishedNumber
from retable.scale import Scale
from retable.tradeoff import Tradeoff

if TYPE_CHECKING:
    from retable.ddp import Workers
    from retable.figures.finished import Finished
    from retable.figures.kinds import Figure
    from retable.forecast import StepCost
    from retable.run import Learner, Run
    from retable.search import Search


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """What defines a trial scientifically. Machine knobs (workers, GPUs, paths) are never fields of it.

    Fields hold plain data. One that is added later is an `retable.identity.option`, or every signature changes.

    Attributes:
        iterations: generator updates.
        batch_size: samples in one update, over all workers.
        accumulate: micro-batches that one update is split into; batch statistics are those of a micro-batch,
            so it changes numbers and belongs here.
        snapshot_every: iterations between two snapshots (a checkpoint with its metrics).
    """

    trainable: ClassVar[str]
    least_iterations: ClassVar[int] = 1
    iterations: int
    batch_size: int
    accumulate: int = 1
    snapshot_every: int

    def __post_init__(self) -> None:
        minimum = {"iterations": self.least_iterations, "batch_size": 1, "accumulate": 1, "snapshot_every": 1}
        for name, least in minimum.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but got {getattr(self, name)}")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate must divide batch_size, but got accumulate={self.accumulate} and batch_size={self.batch_size}"
            )

    def canonical(self) -> Self:
        """This config with every field that cannot matter set to one agreed value."""
        return self

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters in the paper's words, for tables, published numbers and the tracker."""
        return {"iterations": self.iterations, "batch_size": self.batch_size}

    def requires(self) -> tuple["TrialConfig", ...]:
        """Configs of the trials that must be finished first, such as the classifier behind IS and FID."""
        return ()

    def lasting(self, iterations: int) -> Self:
        """This config trained for that many iterations."""
        return replace(self, iterations=iterations)

    def bound_to_iterations(self) -> str:
        """What of the training depends on `iterations`, such as a rate that decays over them; empty if nothing does.

        Where it is empty, a longer training goes on from the checkpoint of a shorter one.
        """
        return f"{type(self).__name__} does not say that its training is the same whatever its iterations"

    def judged_by(self, file: Path) -> Self:
        """This config scored by a classifier whose weights the user brings, in the place of the one it requires.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no classifier that can score it.
        """
        raise ValueError(f"a {self.trainable} is not scored by a classifier; leave --classifier out")

    def follows(self) -> tuple["TrialConfig", ...]:
        """As `requires`, but trained with the trial's own seed: what this trial goes on from, or scores."""
        return ()

    @property
    def needs_frames(self) -> int:
        """Frames that a video must have for this config to train on it."""
        return 1

    def cost_key(self) -> Mapping[str, object] | None:
        """Everything that `step_cost` depends on, JSON-ready: configs with the same key are counted once.

        None where the family can't tell what it costs.
        """
        return None

    def step_cost(self) -> "StepCost":
        """What an update costs. Called where `cost_key` is not None; imports torch only when called.

        Raises:
            ValueError: no network can be built from this config.
        """
        raise NotImplementedError(f"{type(self).__name__} has a cost_key, so it must define step_cost")

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Bring the data set into the form that training reads; called on the driver before any worker starts.

        Args:
            data: root of the data set.
            progress: told (done, in all).

        Returns:
            What the user should know, such as files that are skipped; empty if nothing.

        Raises:
            retable.data.errors.DataError: the data set can't be trained on.
        """
        return ""

    def build(self, seed: int, run: "Run", workers: "Workers") -> "Learner":
        """The learner of this config on this worker. Imports torch only when called.

        Args:
            seed: the trial's training seed.
            run: where the data set and the required trials lie.
            workers: the gang that trains together.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build")

    def figures(
        self, finished: "Finished", samples: int, progress: Callable[[int, int], None]
    ) -> Iterable["Figure"]:
        """What can be shown of a finished trial of this config, drawn one after the other; nothing by default.

        The first film, if there is one, stands for the trial beside others. Imports torch only when called.

        Args:
            finished: where its weights are.
            samples: generated samples behind a measured curve.
            progress: told (done, in all).
        """
        return ()


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(TrialConfig):
    """A trial that trains nothing: it scores what the trials that it follows have trained, in seconds.

    What needs no new training (truncation, length, the number of samples) varies over such trials, which share the
    trained one and are scored side by side.
    """

    least_iterations: ClassVar[int] = 0
    iterations: int = 0
    batch_size: int = 1
    snapshot_every: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.iterations, self.batch_size) != (0, 1):
            raise ValueError(
                f"iterations must be 0 and batch_size 1 where nothing is trained, but got {self.iterations} and "
                f"{self.batch_size}; set them in the config of what is scored"
            )

    def lasting(self, iterations: int) -> Self:
        """This config over what was trained for that many iterations."""
        raise NotImplementedError(f"{type(self).__name__} must define lasting, which changes what it scores")


C = TypeVar("C", bound=TrialConfig)


@dataclass(frozen=True)
class Trial:
    """One config × one seed × one data set.

    Attributes:
        data: the data set's content fingerprint (hex), never its path.
    """

    config: TrialConfig
    seed: int
    data: str

    @cached_property
    def identity(self) -> Mapping[str, object]:
        """Everything that the signature is made of, JSON-ready."""
        return {
            "trainable": self.config.trainable,
            "config": identified(self.config.canonical()),
            "seed": self.seed,
            "data": self.data,
            "requires": [trial.signature for trial in self.requires()],
        }

    @cached_property
    def signature(self) -> str:
        """The trial's identity: 16 hex digits of SHA-256 over the canonical JSON of `identity`."""
        text = json.dumps(self.identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def requires(self) -> tuple["Trial", ...]:
        """The trials that must be finished first, over the same data set: at seed 0, or at this trial's own."""
        config = self.config.canonical()
        return (
            *(Trial(required, 0, self.data) for required in config.requires()),
            *(Trial(followed, self.seed, self.data) for followed in config.follows()),
        )


@dataclass(frozen=True)
class Row(Generic[C]):
    """A row of a table. `config` is None for numbers that the paper took from others."""

    label: str
    config: C | None = None
    model: str | None = None  # the row's name in the published CSV, where it is not its label


def unchanged(config: C) -> C:
    """The change of a column that has none."""
    return config


@dataclass(frozen=True)
class Column(Generic[C]):
    """A column: which metric, and what it changes in the row's config.

    Attributes:
        metric: a metric's family, such as ``is`` or ``fid``; the protocol is the trial's own.
    """

    label: str
    metric: str
    change: Callable[[C], C] = field(default=unchanged)
    model: str | None = None  # the column's name in the published CSV, where columns are models


@dataclass(frozen=True)
class Cell(Generic[C]):
    """One place of one table: the config that fills it and the paper's number.

    Attributes:
        config: None for numbers that the paper took from others, and for a cell that can't be.
        obstacle: why there is no such config, in the words of whoever refused it; empty otherwise.
    """

    table: str
    row: str
    column: str
    metric: str
    config: C | None
    published: PublishedNumber | None
    obstacle: str = ""


@dataclass(frozen=True)
class Table(Generic[C]):
    """A table of the paper: `number` as printed there, rows × columns of cells.

    Attributes:
        reference: label of the row or of the column that the others are compared with; empty for none.
    """

    number: str
    caption: str
    rows: tuple[Row[C], ...]
    columns: tuple[Column[C], ...]
    reference: str = ""

    def __post_init__(self) -> None:
        for what, labels in (
            ("rows", [r.label for r in self.rows]),
            ("columns", [c.label for c in self.columns]),
        ):
            if len(set(labels)) < len(labels):
                raise ValueError(
                    f"the {what} of table {self.number} must have different labels, but got {labels}"
                )
        labels = [*(row.label for row in self.rows), *(column.label for column in self.columns)]
        if self.reference and labels.count(self.reference) != 1:
            raise ValueError(
                f"the reference of table {self.number} must be one of {labels}, but got {self.reference!r}"
            )

    def metric(self, row: str, column: str) -> str:
        """The metric's family in the cell of those labels.

        Raises:
            ValueError: there is no such row or column.
        """
        for what, label, known in (
            ("row", row, [one.label for one in self.rows]),
            ("column", column, [one.label for one in self.columns]),
        ):
            if label not in known:
                raise ValueError(f"table {self.number} has no {what} {label!r}; it has {known}")
        return next(one.metric for one in self.columns if one.label == column)


@dataclass(frozen=True, kw_only=True)
class Study(Generic[C]):
    """A paper's tables over one set of trials.

    Attributes:
        published: CSV of the paper's numbers (retable.published), or None.
        scales: the sizes that the study can run at, by name.
        claims: what the paper says of these tables.
        tradeoffs: curves over tables whose rows vary an evaluation axis.
    """

    name: str
    paper: str
    tables: tuple[Table[C], ...]
    scales: Mapping[str, Scale[C]]
    published: Path | None = None
    claims: tuple[Claim, ...] = ()
    tradeoffs: tuple[Tradeoff, ...] = ()
    searches: "tuple[Search[C], ...]" = ()

    def __post_init__(self) -> None:
        for claim in self.claims:
            for comparison in claim.holds:
                metrics = {self.metric(place) for place, _ in comparison.terms}
                if len(metrics) > 1:
                    raise ValueError(
                        f"a comparison must be within one metric, but {comparison.words!r} has {sorted(metrics)}"
                    )

    def metric(self, place: Place) -> str:
        """The metric's family in that place.

        Raises:
            ValueError: the study declares no such table, row or column.
        """
        return self.table(place.table).metric(place.row, place.column)

    def table(self, number: str) -> Table[C]:
        """The table of that number.

        Raises:
            ValueError: the study declares no such table.
        """
        for table in self.tables:
            if table.number == number:
                return table
        known = ", ".join(
            [table.number for table in self.tables] + [search.number for search in self.searches]
        )
        raise ValueError(f"{self.name} declares no table {number!r}; it has {known}")

    def cells(self, table: Table[C], scale: Scale[C], limit: int | None = None) -> Iterator[Cell[C]]:
        """The table's cells at that scale, row by row; `limit` keeps the first rows only.

        The published number is looked up by the config at paper scale, then the config is shrunk.
        """
        published = Published.load(self.published) if self.published else None
        for row in table.rows[:limit]:
            for column in table.columns:
                asked, config, obstacle = _configs(row, column, scale)
                model = (
                    (asked and column.model) or row.model or row.label
                )  # others' rows have no model of ours
                number = None
                if published is not None and (asked is not None or row.config is None):
                    labels = {} if asked is None else asked.labels()
                    number = published.find(table.number, column.metric, model, labels)
                yield Cell(
                    table=table.number,
                    row=row.label,
                    column=column.label,
                    metric=column.metric,
                    config=config,
                    published=number,
                    obstacle=obstacle,
                )


def _configs(row: Row[C], column: Column[C], scale: Scale[C]) -> tuple[C | None, C | None, str]:
    """A cell's config at the paper's scale and at that scale, and why one of them can't be."""
    if row.config is None:
        return None, None, ""
    asked = None
    try:
        asked = column.change(row.config)
        config = scale.shrink(asked)
        identified(config.canonical())
    except ValueError as error:
        return asked, None, str(error) or type(error).__name__
    return asked, config, ""
