"""Results stored by an older version, and the output expected of them.

``stored/`` holds a study with its data set, its results (``trained/``), the tables and texts made of them
(``expected/``), and the scores of the missing trials once they are trained (``resumed.json``).

`python tests/retable/report/stored_results.py --expected` writes the last two from the results as they are. With
`--trained` the results are retrained first: only for a version that is not to read the results of those before it.
"""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from retable.io.sealed import SEAL, sealed

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
STORED = HERE / "stored"
EXPECTED, RESUMED = STORED / "expected", STORED / "resumed.json"
WRITE = "python tests/retable/report/stored_results.py --expected"
TEXTS = (".csv", ".html", ".md", ".tex")
SCALES = ("smoke", "paper")


def copied(folder: Path) -> Path:
    """Copy the stored study, its data set and its results to where they may be written."""
    for name in ("data", "trained"):
        shutil.copytree(STORED / name, folder / name)
    for name in ("study.py", "published.csv"):
        shutil.copy(STORED / name, folder / name)
    return folder


def retable(folder: Path, verb: str, *options: str, code: int = 0, **variables: str) -> str:
    """Run a command on the study in a folder, with paths relative to it; returns what it prints.

    Args:
        code: exit code that is expected.
    """
    ours = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "MLFLOW_", "RETABLE_", "STORED_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
        "PYTHONUTF8": "1",
        "RETABLE_CACHE": str(folder / "cache"),
        **variables,
    }
    command = [sys.executable, "-m", "retable", verb, "study.py", "--data", "data", "--out", "trained"]
    done = subprocess.run(
        [*command, *options], cwd=folder, env=environment, capture_output=True, check=False, encoding="utf-8"
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def outputs(folder: Path) -> dict[str, str]:
    """Status and tables of a copy of the stored results: name in ``expected/`` -> content.

    Parquet files and figures are only counted, in what is printed.
    """
    made = {"status.txt": retable(folder, "status")}
    for scale in SCALES:
        made[f"{scale}.txt"] = retable(folder, "table", "--scale", scale, "--export", f"export-{scale}")
        for path in sorted((folder / f"export-{scale}" / "tables" / "stored").iterdir()):
            if path.suffix in TEXTS:
                made[f"{scale}/{path.name}"] = path.read_text(encoding="utf-8")
    return {name: normalised(text) for name, text in made.items()}


def normalised(text: str) -> str:
    """Remove from a text all that differs between machines, and what great_tables owns.

    Style sheets are those of great_tables, progress lines depend on time, and the last digits of a number on the
    processor.
    """
    text = re.sub(r"<style>.*?</style>", "<style></style>", text, flags=re.DOTALL)
    text = re.sub(r"^Looking at its files: .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"-?\d+\.\d{11,}(e-?\d+)?", lambda number: f"{float(number[0]):.10g}", text)


def attempts(results: Path) -> dict[str, list[str]]:
    """Signature -> the states of the attempts at it, as the ledger's file has them."""
    with closing(sqlite3.connect(results / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT signature, state FROM attempt ORDER BY signature, number").fetchall()
    found: dict[str, list[str]] = {}
    for signature, state in rows:
        found.setdefault(signature, []).append(state)
    return found


def scores(results: Path) -> dict[str, object]:
    """Signature -> scores of the finished trials."""
    found = {path.parent.name: json.loads(path.read_bytes()) for path in results.glob("trials/*/result.json")}
    return {signature: found[signature]["scores"] for signature in sorted(found)}


def resume(folder: Path) -> str:
    """Train the missing trials of a copy. One trial had failed by its own code and is not retried, so the exit code is 1."""
    return retable(folder, "run", "--local", code=1)


def _train() -> None:
    """Retrain the stored results, and replace the names of this machine."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(STORED, folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "trained", ignore_errors=True)
        retable(folder, "run", "--local", code=130, STORED_FAULTS="1")
        results = folder / "trained"
        shutil.rmtree(results / "mlartifacts")
        shutil.rmtree(results / "tables")
        for path in (*results.glob(".*lock"), results / "mlflow.db", results / "index.arrow"):
            path.unlink()
        _anonymise(results, _machine_names(results, folder))
        assert not list(results.glob("ledger.db-*"))
        shutil.rmtree(STORED / "trained", ignore_errors=True)
        shutil.copytree(results, STORED / "trained")


def _machine_names(results: Path, folder: Path) -> dict[str, str]:
    """Names of this machine, its folders and its checkout -> their replacements."""
    told = {str(folder.resolve()): "/study", str(ROOT): "/checkout", socket.gethostname(): "host"}
    for path in results.glob("trials/*/*.json"):
        content = json.loads(path.read_bytes())
        if path.name == "config.json" and content["commit"]:
            told[content["commit"]] = told[content["commit"].partition("-")[0]] = (
                "0123456789abcdef" * 2 + "01234567"
            )
        if path.name == "result.json":
            told[content["device"]] = "CPU Example, 2 threads"
    return told


def _anonymise(results: Path, told: Mapping[str, str]) -> None:
    def replaced(text: str) -> str:
        for one, other in told.items():
            text = text.replace(one, other)
        return text

    def resealed(text: str) -> str:
        record = json.loads(replaced(text))
        return json.dumps(sealed(record) if record.pop(SEAL, None) else record, indent=1) + "\n"

    for path in results.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        if replaced(text) != text:
            path.write_text(resealed(text), encoding="utf-8")
    with closing(sqlite3.connect(results / "ledger.db", isolation_level=None)) as ledger:
        ledger.create_function("resealed", 1, lambda text: text if text is None else resealed(text))
        ledger.create_function("replaced", 1, replaced)
        ledger.execute(
            "UPDATE attempt SET host = 'host', boot = '', namespace = '', pid = number, started = 0, "
            "result = resealed(result), message = replaced(message)"
        )
        ledger.execute("VACUUM")


def _expect() -> None:
    """Write the output of the stored results, and the scores once they are resumed."""
    with TemporaryDirectory() as temporary:
        folder = copied(Path(temporary))
        shutil.rmtree(EXPECTED, ignore_errors=True)
        for name, text in outputs(folder).items():
            (EXPECTED / name).parent.mkdir(parents=True, exist_ok=True)
            (EXPECTED / name).write_text(text, encoding="utf-8")
        before = scores(folder / "trained")
        resume(folder)
        fresh = {key: value for key, value in scores(folder / "trained").items() if key not in before}
        RESUMED.write_text(json.dumps(fresh, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] not in (["--expected"], ["--trained"]):
        raise SystemExit(__doc__)
    if sys.argv[1] == "--trained":
        _train()
    _expect()
