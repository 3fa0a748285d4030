"""Prepares a data set with Ray and without: `python encoding.py SOURCE FOLDER`. Prints what happened as JSON."""

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from retable.cluster import decode
from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ClipSpec
from retable.data.prepare import Preparation
from retable.data.samples import shards
from retable.data.scan.source import Source

TRAPPED = """
import os
from retable.data import worker as reader
real = reader.decode_file
def trapped(**request):
    if "Spin" in request["path"]:
        os._exit(3)
    return real(**request)
reader.TASKS = {**reader.TASKS, "decode": trapped}
reader.main()
"""
shards.SHARD = 300_000


def prepare(source: Path, out: Path, readers: Readers) -> tuple[list[tuple[int, int, int]], str | None]:
    """What was told, and why training would not start."""
    told: list[tuple[int, int, int]] = []
    task = Preparation(source=Source("ucf101", source), out=out, spec=ClipSpec(size=32))
    out.mkdir(exist_ok=True)
    found = task.look(readers, lambda done, total, size: None)
    catalog = task.decode(task.catalog(found), "train", readers, lambda *numbers: told.append(numbers))
    return told, task.finish(catalog, found).refusal


def refusal(folders: Sequence[Path]) -> str:
    try:
        decode._check_shared(folders)
    except DataError as error:
        return str(error)
    return "none"


def main(source: Path, folder: Path) -> dict[str, object]:
    result: dict[str, object] = {}
    prepare(source, folder / "local", Readers(processes=1))
    (folder / "ray").mkdir()
    with decode.ray_readers((source, folder / "ray"), workers=2) as two:
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        for name, readers in (("two", two), ("one", replace(two, processes=1))):
            result[name] = prepare(source, folder / name, readers)[0]
            if name == "two":  # files need not be looked at anew for what follows
                shutil.copytree(folder / name / "catalogs", folder / "one" / "catalogs")
                shutil.copytree(folder / name / "catalogs", folder / "trapped" / "catalogs")
        trapped = replace(two, command=(sys.executable, "-c", TRAPPED), attempts=1)
        result["trapped"] = prepare(source, folder / "trapped", trapped)[1]
        result["unshared"] = refusal((folder / "absent", folder / "ray"))
        try:
            list(replace(two, command=("false",)).answers([{"task": "probe", "path": "x"}] * 3))
        except DataError as error:
            result["broken"] = str(error)
        # Somebody who stops listening leaves no task behind that keeps the next one waiting.
        answers = two.answers([{"task": "probe", "path": str(p)} for p in sorted(source.rglob("*.mp4"))])
        result["first"] = next(answers)[0]
        answers.close()
        result["none"] = list(two.answers([]))
    return result


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))  # noqa: T201
