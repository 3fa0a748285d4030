"""What a job runs on a cluster's head: `python -m retable.cli.on_head WORD…`, with the results where the cluster has them.

The words are those of the command line, or ``script`` before a study's file and its options. Where results live is
RETABLE_STORAGE, which is set on the head and is no option here: a folder that this job made would be lost with it.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from retable.cli import main as cli
from retable.cluster.jobs.transfer import ANSWER, pack
from retable.io.console import open_console


def main(words: Sequence[str]) -> int:
    """Run them. Returns the exit code of what was run; 2 where the head does not say where results live."""
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
    verb, *rest = words
    if verb == "script":
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *rest, "--address", "auto", "--out", storage])
    if verb == "table":
        with tempfile.TemporaryDirectory() as folder:
            code = cli.main([*words, "--out", storage, "--export", folder])
            for line in pack(Path(folder)):
                console.out(line, highlight=False)
        return code
    on_ray = ("--address", "auto") if verb in ("run", "retry", "extend", "doctor") else ()
    return cli.main([*words, *on_ray, "--out", storage])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
