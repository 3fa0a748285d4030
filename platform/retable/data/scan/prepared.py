"""The file dataset.json of a folder that `retable data prepare` makes: lists and probe results of a data set.

With its decoded frames, such a folder replaces the data set wherever it is copied; the videos are no longer
needed.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from retable.data.decode.errors import DataError
from retable.data.scan.probe import ProbeResult
from retable.data.scan.ucf101 import Layout, Listed
from retable.io.files import seal, unseal, write_bytes

FILE = "dataset.json"
VERSION = 1


def write_prepared(root: Path, layout: Layout, found: Mapping[str, ProbeResult]) -> None:
    """Write the lists of a data set and the probe result of each file."""
    listed = [{k: v for k, v in asdict(line).items() if k != "where"} for line in layout.listed]
    files = {path: asdict(found[path]) for path in sorted(found)}
    folder = str(layout.videos.resolve())
    content = {"version": VERSION, "kind": layout.kind, "videos": folder, "classes": layout.classes}
    write_bytes(root / FILE, seal(content | {"listed": listed, "found": files}))


def read_prepared(root: Path) -> tuple[Layout, Mapping[str, ProbeResult]] | None:
    """Layout and probe results of a prepared folder; None if the folder is not a prepared one.

    Raises:
        DataError: the file is damaged, or a newer Retable wrote it.
    """
    if not (root / FILE).is_file():
        return None
    try:
        content = cast(dict[str, Any], unseal((root / FILE).read_bytes()))
    except ValueError as error:
        raise DataError(
            f"{root / FILE} is damaged ({error})",
            remedy="delete it and run `retable data prepare` again, which decodes nothing twice",
        ) from error
    if content["version"] != VERSION:
        raise DataError(
            f"{root / FILE} is of version {content['version']}, and this Retable reads {VERSION}",
            remedy="prepare the data set again with this Retable, or install the one that wrote it",
        )
    listed = tuple(Listed(**line) for line in content["listed"])
    kind = content.get("kind", "video")  # absent in files older than images
    layout = Layout(Path(content["videos"]), tuple(content["classes"]), listed, kind)
    return layout, {path: ProbeResult(**entry) for path, entry in content["found"].items()}
