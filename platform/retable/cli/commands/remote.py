"""`retable submit`, `logs` and `stop`, and every verb that runs on the head of a cluster in the place of this machine."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from retable.cli.arguments.options import StudyFile, StudyOptions, TrainingOptions, flag, option
from retable.cli.arguments.request import (
    ABSENT,
    Given,
    Request,
    Session,
    named_scale,
    refresh,
    requested,
)
from retable.cli.arguments.usage import check_verb, is_remote
from retable.planning.plan import make_plan
from retable.study.study import Study

if TYPE_CHECKING:
    from retable.cluster.jobs.client import ClusterClient

LOOKS = ("plan", "status", "table")
"""Verbs that train nothing, so that several of their jobs may run at a time."""

JOB_VERBS = ("run", "retry", "extend", *LOOKS)

RequiredCluster = Annotated[
    str,
    option("FILE", "The cluster: the file that `ray up` takes, or the URL of its job server."),
]
Follow = Annotated[bool, flag("Print the job's log until it ends.")]


def submit(
    study: StudyFile,
    /,
    *verb_and_options: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help=f"Verb of the job ({', '.join(JOB_VERBS)}; default: run), and its options without --out, --address and "
            "--local, such as: retry --class lost.",
        ),
    ],
    cluster: RequiredCluster,
    follow: Follow = False,
    session: Given,
) -> int:
    """Run a study on the head of a cluster, independently of this machine. Submitting it again resumes it."""
    declared = session.load(study)
    verb, tokens = "run", list(verb_and_options)
    if tokens and not tokens[0].startswith("-"):
        verb = tokens.pop(0)
        check_verb(verb, JOB_VERBS)
    options = session.parse([verb, str(study), *tokens])
    if getattr(options, "address", None) is not None or options.out != Path("results"):
        raise ValueError(
            "submit takes neither --address nor --out: a cluster's results are where its RETABLE_STORAGE says, and "
            "`retable table --out DIR` brings tables here"
        )
    client = _client(declared, study, cluster, options, session.console)
    job = client.submit(["script", "{study}", verb, *tokens], trains=verb not in LOOKS)
    client.hint()
    return client.follow(job) if follow else 0


def logs(study: StudyFile, /, *, cluster: RequiredCluster, follow: Follow = False, session: Given) -> int:
    """Print the log of the newest job of a study."""
    return _client(session.load(study), study, cluster, None, session.console).logs(follow=follow)


def stop(study: StudyFile, /, *, cluster: RequiredCluster, session: Given) -> int:
    """Ask the newest job of a study to save and end, and wait until it has."""
    return _client(session.load(study), study, cluster, None, session.console).stop()


def train(
    session: Session,
    verb: str,
    file: Path,
    options: TrainingOptions,
    action: Callable[[Request, Console], int],
    *,
    checkpoints: bool = False,
) -> int:
    """Run a verb that trains: its action on this machine, or the verb on the machine that --address names.

    Args:
        action: the request of the options and a console -> the exit code.
        checkpoints: True if the action reads checkpoints of earlier runs.
    """
    study = session.load(file)
    if is_remote(options.address):
        return run_remotely(session, verb, study, file, options)
    refresh(options.out, checkpoints=checkpoints)
    return action(requested(study, options), session.console)


def run_remotely(session: Session, verb: str, study: Study[Any], file: Path, options: StudyOptions) -> int:
    """Run a verb on the machine that --address names, print its log, and copy its tables to this machine."""
    address = getattr(options, "address", None)
    assert address is not None
    client = _client(study, file, address, options, session.console)
    tokens = [word for word in _without(session.tokens, {"--address", "--out"}) if word != str(file)]
    job = client.submit(["script", "{study}", verb, *tokens], trains=verb not in LOOKS)
    code = client.follow(job)
    if verb not in LOOKS and code in (0, 1):  # 1: some trial did not finish
        client.table(options.out, quiet=True)
    return code


def status_of(
    session: Session, study: Study[Any], file: Path, cluster: str, options: StudyOptions, trial: str | None
) -> int:
    """`retable status` on the head of a cluster."""
    client = _client(study, file, cluster, options, session.console)
    return client.status(*(["--trial", trial] if trial else []))


def table_of(
    session: Session,
    study: Study[Any],
    file: Path,
    cluster: str,
    options: StudyOptions,
    export: Path | None,
    from_mlflow: str | None,
) -> int:
    """`retable table` on the head of a cluster; its files are copied to this machine."""
    client = _client(study, file, cluster, options, session.console)
    source = [] if from_mlflow is None else [f"--from-mlflow={from_mlflow}"]
    return client.table(export or options.out, *source)


def _client(
    study: Study[Any], file: Path, place: str, options: StudyOptions | None, console: Console
) -> "ClusterClient":
    """The client of a study on a cluster, after all checks that this machine can make.

    Raises:
        ValueError: an option has no such value, or has no meaning there.
    """
    from retable.cluster.jobs.client import ClusterClient, check_paths

    selection: tuple[str, ...] = ()
    if options is not None:
        check_paths(data=options.data, classifier=options.classifier, encoder=options.encoder)
        make_plan(
            study, named_scale(study, options.scale), ABSENT, tables=options.tables, seeds=options.seeds
        )
        selection = _tokens_of(options)
    if isinstance(options, TrainingOptions) and options.local:
        raise ValueError("--local trains in this process, so it goes with no cluster")
    return ClusterClient(place=place, file=file, study=study.name, selection=selection, console=console)


def _tokens_of(options: StudyOptions) -> tuple[str, ...]:
    """The words that give the options of `StudyOptions` their values, without the folder of results."""
    tokens: list[str] = []
    for field in fields(StudyOptions):
        value = getattr(options, field.name)
        if field.name != "out" and value != field.default:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            tokens += [f"--{field.name}", text]
    return tuple(tokens)


def _without(tokens: Sequence[str], options: Collection[str]) -> list[str]:
    """The words without some options and their values."""
    left: list[str] = []
    skip = False
    for word in tokens:
        name, equals, _ = word.partition("=")
        if not skip and name not in options:
            left.append(word)
        skip = not skip and name in options and not equals
    return left
