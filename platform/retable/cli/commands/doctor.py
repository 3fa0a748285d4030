"""`retable doctor`: the checks of this machine, or of every node of a cluster."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group
from cyclopts.validators import mutually_exclusive
from rich.console import Console

from retable.cli.arguments import values
from retable.cli.arguments.options import flag, option
from retable.cli.arguments.request import Given
from retable.cluster.jobs.transfer import ANSWER
from retable.doctor.examine import Subject, examine_alone
from retable.doctor.finding import Finding, worst
from retable.doctor.report import from_json, rendered, to_json
from retable.environment.sources import Sources, checkout

MACHINE = Group("Machine (one of them)", validator=mutually_exclusive)


def doctor(
    *,
    cluster: Annotated[
        str | None,
        option(
            "FILE",
            "Check every node of this cluster from its head: the file that `ray up` takes, or the URL of its job server.",
            group=MACHINE,
        ),
    ] = None,
    address: Annotated[
        str | None,
        option(
            "ADDRESS", "Check every node of the running Ray cluster of this machine: auto.", group=MACHINE
        ),
    ] = None,
    expect: Annotated[
        tuple[str, ...],
        option("IP,…", "Nodes that must be in the cluster. Default: none.", values.comma_separated),
    ] = (),
    out: Annotated[Path, option("DIR", "Folder of results. RETABLE_STORAGE overrides it.", Path)] = Path(
        "results"
    ),
    json: Annotated[bool, flag("Print the findings as JSON and nothing else.")] = False,
    session: Given,
) -> int:
    """Check whether this machine, or every node of a cluster, can train. The exit code is 1 if it can't."""
    return diagnose(Place(out, address, cluster, expect), session.console, as_json=json)


@dataclass(frozen=True)
class Place:
    """The machine or the cluster to check.

    Attributes:
        results: folder of results, shared by all nodes unless RETABLE_STORAGE names another place.
        address: of a running Ray cluster of which this machine is a node; None for this machine only.
        cluster: file or job server's URL of a cluster, on whose head the doctor then runs; None for here.
        expected: addresses of nodes that must be in the cluster; those of the cluster's file are added.
    """

    results: Path
    address: str | None = None
    cluster: str | None = None
    expected: tuple[str, ...] = ()


def diagnose(place: Place, console: Console, *, as_json: bool = False) -> int:
    """Look at this machine, or at every node of a cluster; exit code 1 if training would not work.

    Args:
        as_json: print `to_json` and nothing else.

    Raises:
        ConnectionError: the cluster can't be reached, or does not run what it is asked to.
        ValueError: the cluster's file or token won't do.
    """
    if as_json:
        findings = _findings(place)
        console.print_json(data=to_json(findings), indent=2)
    else:
        with console.status("Looking at what training needs"):
            findings = _findings(place)
        console.print(rendered(findings))
    return int(worst(findings) == "failure")


def _findings(place: Place) -> tuple[Finding, ...]:
    if place.cluster is not None:
        return _findings_of_head(place.cluster, place.expected)
    storage = os.environ.get("RETABLE_STORAGE") or str(place.results.absolute())
    if place.address is None:
        return examine_alone(Subject(storage))
    from retable.cluster.health.doctor import examine_cluster

    return examine_cluster(place.address, storage, place.expected)


def _findings_of_head(cluster: str, expected: tuple[str, ...]) -> tuple[Finding, ...]:
    """Findings of the doctor that runs on a cluster's head."""
    from retable.cluster.jobs.head import head_of, nodes_of
    from retable.cluster.jobs.jobs import jobs_on

    nodes = [*nodes_of(cluster), *expected]
    words = ["doctor", "--json", *(["--expect", ",".join(nodes)] if nodes else [])]
    with tempfile.TemporaryDirectory() as folder, jobs_on(head_of(cluster)) as jobs:
        Path(folder, "doctor.txt").touch()  # a wheel has nothing that travels, and a job can't be without
        job, log = jobs.answer(checkout() or Sources(Path(folder), checkout=False), words)
    _, _, text = log.partition(f"{ANSWER}\n")
    try:
        told, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except ValueError as error:
        said = "\n".join(log.strip().splitlines()[-20:])
        raise ConnectionError(f"the head did not run the doctor: {job.message.strip()}\n{said}") from error
    return from_json(told)
