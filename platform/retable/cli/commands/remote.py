"""What the command line does for a study that runs on a cluster's head."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from retable.cli.commands.request import ABSENT, named_scale
from retable.planning.plan import make_plan
from retable.study.study import Study

if TYPE_CHECKING:
    from retable.cluster.jobs.client import ClusterClient

LOOKS = ("plan", "status", "table")
"""What a study's file does without training."""


def on_cluster(study: Study[Any], given: argparse.Namespace, typed: Sequence[str], console: Console) -> int:
    """`submit`, `status`, `table`, `logs` and `stop` on a cluster."""
    remote = _there(study, given.study, given.cluster, given, console)
    if given.verb == "submit":
        mine = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        mine.add_argument("--cluster")
        mine.add_argument("--follow", action="store_true")
        options = [word for word in mine.parse_known_args(typed)[1][1:] if Path(word) != given.study]
        job = remote.submit(["script", "{study}", *options], trains=given.act not in LOOKS)
        remote.hint()
        return remote.follow(job) if given.follow else 0
    if given.verb == "status":
        return remote.status(*(["--trial", given.trial] if given.trial else []))
    if given.verb == "table":
        uri = given.from_mlflow
        return remote.table(given.export or given.out, *([f"--from-mlflow={uri}"] if uri is not None else []))
    return remote.logs(follow=given.follow) if given.verb == "logs" else remote.stop()


def run_remote(
    study: Study[Any],
    file: Path,
    given: argparse.Namespace,
    words: Sequence[str],
    act: str | None,
    console: Console,
) -> int:
    """A study whose --address is another machine's: run there, followed here to its end, its tables brought here."""
    remote = _there(study, file, given.address, given, console)
    job = remote.submit(words, trains=act not in LOOKS)
    code = remote.follow(job)
    if act not in ("plan", "status") and code in (0, 1):  # 1: some trial did not finish
        remote.table(given.out, quiet=True)
    return code


def _there(
    study: Study[Any], file: Path, place: str, given: argparse.Namespace, console: Console
) -> "ClusterClient":
    """The study there, seen to be one that can run there, as far as that is known here.

    Raises:
        ValueError: an option can't be, or makes no sense there.
    """
    from retable.cluster.jobs.client import ClusterClient, check_paths

    words: list[str] = []
    if "scale" in given:
        check_paths(data=given.data, classifier=given.classifier, encoder=given.encoder)
        make_plan(study, named_scale(study, given.scale), ABSENT, tables=given.tables, seeds=given.seeds)
        words = chosen(given)
    if getattr(given, "local", False):
        raise ValueError("--local trains in this process, so it goes with no cluster")
    if getattr(given, "verb", "") == "submit" and (given.address is not None or given.out != Path("results")):
        raise ValueError(
            "submit takes neither --address nor --out: a cluster's results are where its RETABLE_STORAGE says, and "
            "`retable table --out DIR` brings tables here"
        )
    return ClusterClient(place=place, file=file, study=study.name, selection=tuple(words), console=console)


def chosen(given: argparse.Namespace) -> list[str]:
    """The words by which a user says what `add_choices` and `add_data` were told, but for the folder of results."""
    words = [] if given.scale == "smoke" else ["--scale", given.scale]
    for name in ("tables", "seeds"):
        if getattr(given, name) is not None:
            words += [f"--{name}", ",".join(map(str, getattr(given, name)))]
    for name in ("iterations", "classifier", "encoder", "data"):
        if getattr(given, name) is not None:
            words += [f"--{name}", str(getattr(given, name))]
    return words
