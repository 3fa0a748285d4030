"""Sends files back through a job's log, the only channel that Ray Jobs offers. Each file is a line of text."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from retable.cluster.connection.token import ClusterError
from retable.io.files import write_bytes

ANSWER = "On the head of the cluster:"
"""The line before our output in a job's log; the lines before it are Ray's."""

MARK = "retable file: "
"""Prefix of a line that holds a file."""


def pack(folder: Path) -> Iterator[str]:
    """A line of text for each file in the folder and its subfolders."""
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


def unpack(text: str, folder: Path) -> tuple[str, list[Path]]:
    """Write the files in a text into the folder, each whole.

    Returns:
        The text without the files' lines, in which this folder replaces the remote one, and the paths written.

    Raises:
        ClusterError: a file was changed in transit, or its name leads out of the folder.
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
    output = "".join(lines)
    return output.replace(theirs, str(folder)) if theirs else output, written
