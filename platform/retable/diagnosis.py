"""What `retable doctor` does, told on a console."""

import os
from pathlib import Path

from rich.console import Console

from retable.doctor.examine import Subject, examine_alone
from retable.doctor.finding import worst
from retable.doctor.report import rendered, to_json


def diagnose(results: Path, console: Console, *, address: str | None = None, as_json: bool = False) -> int:
    """Look at this machine, or at every node of a cluster; exit code 1 if training would not work.

    Args:
        results: folder of results, shared by all nodes unless RETABLE_STORAGE names another place.
        address: a running Ray cluster; None for this machine only.
        as_json: print `to_json` and nothing else.

    Raises:
        ConnectionError: nothing answers at the address.
    """
    storage = os.environ.get("RETABLE_STORAGE") or str(results.absolute())
    if address is None:
        findings = examine_alone(Subject(storage))
    else:
        from retable.cluster.doctor import examine_cluster

        findings = examine_cluster(address, storage)
    if as_json:
        console.print_json(data=to_json(findings), indent=2)
    else:
        console.print(rendered(findings))
    return int(worst(findings) == "failure")
