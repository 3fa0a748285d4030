"""A study on Ray whose driver and workers share no folder of results: only a URL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from retable.data.embedded.clips import ensure_embedded
from retable.store.ledger import Ledger

SCRIPT = Path(__file__).with_name("walking.py")

# Python imports this as it starts: Ray's workers then have a cache folder, and so a copy of the results, of their own.
ANOTHER_NODE = """
import os, sys
if any("default_worker" in word for word in sys.orig_argv):
    os.environ["RETABLE_CACHE"] = os.environ["WORKERS_CACHE"]
"""


@pytest.mark.slow
def test_workers_that_see_no_folder_of_the_drivers(tmp_path: Path) -> None:
    data = ensure_embedded(tmp_path / "data", 2)
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "kill-2").touch()
    (tmp_path / "faults" / "error-3").touch()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ANOTHER_NODE)
    url = (tmp_path / "far").as_uri()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'site'}:{os.environ.get('PYTHONPATH', '')}",
        "RETABLE_CACHE": str(tmp_path / "head"),
        "WORKERS_CACHE": str(tmp_path / "node"),
        "WALKING_FAULTS": str(tmp_path / "faults"),
        "MLFLOW_TRACKING_URI": "",
    }
    command = [sys.executable, str(SCRIPT), "--out", url, "--data", str(data), "--workers", "2"]

    def run(*options: str) -> tuple[int, str]:
        done = subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, timeout=1200, check=False
        )
        return done.returncode, done.stdout + done.stderr

    code, output = run()
    assert code == 1, output
    (results,) = (tmp_path / "head" / "results").iterdir()
    with Ledger(results / "ledger.db") as ledger:
        states = sorted(record.state for record in ledger.trials())
        told = [attempt.message for record in ledger.trials() for attempt in record.attempts]
    assert states == ["done", "done", "done", "failed"]
    assert any("asked to fail at iteration 25" in message for message in told)
    code, output = run("--retry")
    assert code == 0, output
    (node,) = (tmp_path / "node" / "results").iterdir()
    for folder in (results / "trials").iterdir():
        assert json.loads((folder / "result.json").read_text())["state"] == "done"
        assert not (folder / "checkpoints").exists()  # the driver's copy has no models
        assert list((node / "trials" / folder.name / "checkpoints").iterdir())
        assert list((folder / "samples").glob("*.mp4"))
