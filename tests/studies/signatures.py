"""Signatures of every trial of every study at every scale, as stored in signatures.json.

`python tests/studies/signatures.py --write` writes that file anew.
"""

import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from retable.cli.arguments.request import Request
from retable.cli.arguments.study_file import load_study

HERE = Path(__file__).parent
STORED = HERE / "signatures.json"
STUDIES = sorted(
    file
    for file in (HERE.parents[1] / "studies").glob("*.py")
    if re.search(r"^STUDY\b", file.read_text(encoding="utf-8"), re.MULTILINE)
)
WRITE = "python tests/studies/signatures.py --write"

DATA = "0123456789abcdef"
"""Stands for the fingerprint of every data set."""

Signatures = dict[str, dict[str, list[str]]]
"""Study's file -> scale -> a line on what it runs by default, then one for each trial: signature, seed, trainable, and
the cells that it fills (or its name, if it fills none and others require it)."""


def every_signature() -> Signatures:
    """Signatures of all rows of all tables of all studies, and of the first points of their searches."""
    with TemporaryDirectory() as results:
        return {file.stem: _signatures(file, Path(results)) for file in STUDIES}


def _signatures(file: Path, results: Path) -> dict[str, list[str]]:
    """Signatures of one study, by scale.

    Args:
        results: an empty folder, where a search finds that nothing was asked before.
    """
    study = load_study(file)
    every = (*(table.number for table in study.tables), *(search.number for search in study.searches))
    lines = {}
    for name, scale in study.scales.items():
        tables = (f"{table} ({limit or 'all'} rows)" for table, limit in scale.tables.items())
        lines[name] = [f"by default {scale.data}, seeds {scale.seeds}, tables {', '.join(tables)}"]
        request = Request(study=study, scale=scale, tables=every, results=results)
        for one in request.plan(DATA).trials:
            cells = "; ".join(one.cells) or one.name
            lines[name].append(
                f"{one.signature} · seed {one.trial.seed} · {one.trial.config.trainable} · {cells}"
            )
    return lines


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(f"to write {STORED.name} anew: {WRITE}")
    STORED.write_text(json.dumps(every_signature(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
