"""How an answer comes back from a job, of which no more than its log can be had: its files are lines of text."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from retable.cluster.token import ClusterError
from retable.io.files import write_bytes

ANSWER = "On the head of the cluster:"
"""The line after which a job's log is ours: what is before it is Ray's."""

MARK = "retable file: "
"""How a line begins that holds a file."""


def carried(folder: Path) -> Iterator[str]:
    """A line for each file in the folder and those below it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            record = {
                "folder": str(folder),
                "name": path.relative_to(folder).as_posix(),
                "sha256": hashlib.sha256(content).hexdigest(),
                "base64": base64.b64encode(content).decode(),
            }
            yield MARK + json.dumps(record)


def unpacked(text: str, folder: Path) -> tuple[str, list[Path]]:
    """Write the files that are in a text into the folder, each whole.

    Returns:
        The text without their lines, which names this folder where it named theirs, and the files written.

    Raises:
        ClusterError: a file was changed on the way, or its name leads out of the folder.
    """
    lines, written, theirs = [], [], ""
    for line in text.splitlines(keepends=True):
        if not line.startswith(MARK):
            lines.append(line)
            continue
        record = json.loads(line.removeprefix(MARK))
        name = PurePosixPath(record["name"])
        content = base64.b64decode(record["base64"], validate=True)
        if name.is_absolute() or ".." in name.parts or not name.parts:
            raise ClusterError(
                f"a file that the cluster sent is called {name}, which leads out of {folder}",
                remedy="nothing of it was written; ask only clusters that you trust",
            )
        if hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise ClusterError(f"{name} was changed on its way from the cluster", remedy="ask again")
        write_bytes(folder / name, content)
        written.append(folder / name)
        theirs = record["folder"]
    said = "".join(lines)
    return said.replace(theirs, str(folder)) if theirs else said, written
