"""Options of the verbs that take a study. Each is declared once; the dataclass of a verb inherits those that it shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter, Token

from retable.cli.arguments import values
from retable.errors import RetableError
from retable.execution.retries import CAUSES, Retries

FLAT = Parameter(name="*")
"""The fields of a dataclass are options themselves, without a prefix."""

STUDY = "File of the study, such as studies/subsampling_ablation.py."
CLASSES = f"Classes of failures, such as code,lost: all, {', '.join(CAUSES)}. Default: all."
OPTIONS = Group("Options", sort_key=1)
TRAINING = Group("Training", sort_key=2)


def option(
    metavar: str, help: str, convert: Callable[[str], object] = str, *, group: Group = OPTIONS
) -> Parameter:
    """An option with one value.

    Args:
        convert: text -> value; raises ValueError: the value expected, and the value given.
    """

    def converter(kind: object, tokens: Sequence[Token]) -> object:
        try:
            return convert(tokens[0].value)
        except RetableError as error:
            raise ValueError(str(error)) from error  # the library prints no remedy

    return Parameter(
        help=help,
        metavar=metavar,
        converter=converter,
        n_tokens=1,
        allow_repeating=False,
        accepts_keys=False,
        show_choices=False,
        show_default=False if "Default:" in help else _shown,
        group=group,
    )


def _shown(value: object) -> str | None:
    """A default as it would be typed; None for no default."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def choice(help: str) -> Parameter:
    """An option with one of the values of its type."""
    return Parameter(help=help, allow_repeating=False, group=OPTIONS)


def flag(help: str, *, group: Group = OPTIONS) -> Parameter:
    """An option without a value."""
    return Parameter(help=help, show_default=False, group=group)


StudyFile = Annotated[Path, Parameter(help=STUDY)]
Out = Annotated[
    Path,
    option("DIR", "Folder of results, or a URL such as s3://BUCKET/FOLDER.", values.results),
]
Data = Annotated[Path | None, option("DIR", "Folder of the data set. Default: that of the scale.", Path)]
Cluster = Annotated[
    str | None,
    option(
        "FILE",
        "Run on the head of this cluster: the file that `ray up` takes, or the URL of its job server. Default: this machine.",
    ),
]
Workers = Annotated[
    int | None,
    option(
        "N", "Maximum number of workers per trial. Default: as many as fit.", values.positive, group=TRAINING
    ),
]
Address = Annotated[
    str | None,
    option(
        "ADDRESS",
        "Running Ray cluster. On one of its nodes: auto. From another machine: the file of the cluster, such as "
        "ray_cluster.yaml, or the URL of its job server; the study then runs on the head. Default: Ray on this machine "
        "alone.",
        group=TRAINING,
    ),
]
Trial = Annotated[
    str | None,
    option("SIGNATURE", "Signature of a trial. Its first digits are enough."),
]


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """The part of a study that is meant, its size, and the folders of results and data."""

    scale: Annotated[str, option("SCALE", "Size of the study: smoke (minutes), toy (hours) or paper.")] = (
        "smoke"
    )
    tables: Annotated[
        tuple[str, ...] | None,
        option("N,…", "Numbers of the tables, such as 5,9. Default: those of the scale.", values.names),
    ] = None
    seeds: Annotated[
        tuple[int, ...] | None,
        option("N,…", "Training seeds, such as 0,1,2. Default: those of the scale.", values.seeds),
    ] = None
    iterations: Annotated[
        int | None,
        option("N", "Iterations of each trial in the tables. Default: those of the scale.", values.positive),
    ] = None
    out: Out = Path("results")
    data: Data = None
    classifier: Annotated[
        Path | None,
        option("FILE", "Pretrained classifier that scores the models. Default: one is trained.", Path),
    ] = None
    encoder: Annotated[
        Path | None,
        option("FILE", "Pretrained autoencoder; the GAN trains on its codes. Default: one is trained.", Path),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(StudyOptions):
    """The way of training. None of these is part of a trial's identity."""

    workers: Workers = None
    address: Address = None
    local: Annotated[bool, flag("Train in this process, without Ray, for debugging.", group=TRAINING)] = False
    retries: Annotated[
        Retries,
        option(
            "CLASS=N,…",
            "Maximum number of automatic retries per trial. Default: lost=2 after lost workers, preempted=10 after a "
            "preemption notice, out_of_memory=1 with half the micro-batch.",
            values.retries,
            group=TRAINING,
        ),
    ] = field(default_factory=Retries)
    gpus_per_worker: Annotated[
        float | None,
        option(
            "N",
            "GPUs of each worker: 0.5 for two trials on each GPU, 0 for none. Default: 1 where there are GPUs.",
            values.share,
            group=TRAINING,
        ),
    ] = None
    wait_for_nodes: Annotated[
        float,
        option(
            "MINUTES",
            "Minutes to wait for nodes on which a trial fits.",
            values.at_least_zero,
            group=TRAINING,
        ),
    ] = 30.0
    optuna_storage: Annotated[
        str | None,
        option(
            "URL",
            "URL of the Optuna storage of a search. Default: optuna.db in the folder of results.",
            group=TRAINING,
        ),
    ] = None
