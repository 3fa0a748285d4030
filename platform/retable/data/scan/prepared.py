"""The folder that `retable data prepare` makes: what the data set holds (dataset.json), and its decoded frames.

It stands for the data set wherever it is copied; the videos themselves are needed no more.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from retable.data.decode.errors import DataError
from retable.data.scan.probe import Found
from retable.data.scan.ucf101 import Layout, Listed
from retable.io.files import seal, unseal, write_bytes

FILE = "dataset.json"
VERSION = 1


def write_prepared(root: Path, layout: Layout, found: Mapping[str, Found]) -> None:
    """Write down a data set's lists and what was found in each of its files."""
    listed = [{k: v for k, v in asdict(line).items() if k != "where"} for line in layout.listed]
    files = {path: asdict(found[path]) for path in sorted(found)}
    folder = str(layout.videos.resolve())
    content = {"version": VERSION, "kind": layout.kind, "videos": folder, "classes": layout.classes}
    write_bytes(root / FILE, seal(content | {"listed": listed, "found": files}))


def read_prepared(root: Path) -> tuple[Layout, Mapping[str, Found]] | None:
    """What `write_prepared` wrote; None if the folder is not a prepared one.

    Raises:
        DataError: the file is damaged, or a newer Retable wrote it.
    """
    if not (root / FILE).is_file():
        return None
    try:
        content = cast(dict[str, Any], unseal((root / FILE).read_bytes()))
    except ValueError as error:
        raise DataError(
            f"{root / FILE} is damaged ({error}); delete it and run `retable data prepare` again, which decodes nothing twice"
        ) from error
    if content["version"] != VERSION:
        raise DataError(f"{root / FILE} is of version {content['version']}, and this Retable reads {VERSION}")
    listed = tuple(Listed(**line) for line in content["listed"])
    kind = content.get("kind", "video")  # not said before there were images
    layout = Layout(Path(content["videos"]), tuple(content["classes"]), listed, kind)
    return layout, {path: Found(**entry) for path, entry in content["found"].items()}
