"""The entry point of a cluster's jobs: `python -m retable.cli.job VERB …`, with the results where the cluster has them.

The tokens are those of the command line, or ``script`` before a study's file and its tokens. RETABLE_STORAGE, which is set on
the head, says where results live; that is no option here, for a folder that this job made would be lost with it.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from retable.cli.main import main as command_line
from retable.cluster.jobs.transfer import ANSWER, pack
from retable.io.console import open_console

RAY_VERBS = frozenset({"plan", "run", "retry", "extend", "doctor"})
"""Verbs that take an --address."""


def main(tokens: Sequence[str]) -> int:
    """Run a verb. Returns its exit code; 2 where the head does not say where results live."""
    console = open_console()
    storage = os.environ.get("RETABLE_STORAGE")
    if not storage:
        console.print(
            Text(
                "the head's Ray was started without RETABLE_STORAGE, which says where all nodes find the results: set "
                "it in the environment of `ray start --head`, such as to a folder on NFS; `ray up` does so"
            )
        )
        return 2
    if "://" not in storage:  # the embedded data sets are rendered there, where all nodes see them
        os.environ.setdefault("RETABLE_CACHE", str(Path(storage, "cache")))
    console.print(ANSWER)
    verb, *rest = tokens
    if verb == "script":
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *rest, *_on_ray(rest[1:2]), "--out", storage])
    if verb == "table":
        with tempfile.TemporaryDirectory() as folder:
            code = command_line(arguments=[*tokens, "--out", storage, "--export", folder])
            for line in pack(Path(folder)):
                console.out(line, highlight=False)
        return code
    return command_line(arguments=[*tokens, *_on_ray([verb]), "--out", storage])


def _on_ray(verb: Sequence[str]) -> tuple[str, ...]:
    """The words that put a verb on the running cluster; a study's file without a verb trains."""
    takes_address = not verb or verb[0].startswith("-") or verb[0] in RAY_VERBS
    return ("--address", "auto") if takes_address else ()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
