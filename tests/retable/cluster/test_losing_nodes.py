"""Nodes are killed, come, and are taken away with notice while a study trains: nothing is lost and nothing changes."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retable.data.embedded.clips import ensure_embedded

SCRIPT = Path(__file__).with_name("losing.py")
DEADLINE = 1800  # seconds, on a busy machine; alone it takes about 100


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Any]]:
    """The folder, and what losing.py printed."""
    folder = tmp_path_factory.mktemp("losing")
    (folder / "data").symlink_to(ensure_embedded(folder / "cache", 2))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    paths = (str(SCRIPT.parent), *sys.path)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        env={
            **{name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
            "RETABLE_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    told = folder / "output.txt"
    assert done.returncode == 0, done.stderr[-3000:] + (told.read_text()[-3000:] if told.exists() else "")
    result: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return folder, result


@pytest.mark.slow
def test_a_study_outlives_its_nodes(outcome: tuple[Path, Mapping[str, Any]]) -> None:
    folder, result = outcome
    output = (folder / "output.txt").read_text()
    assert (result["code"], result["local"]) == (0, 0), output
    assert "judge: 2 workers spread over 2 nodes: no node has 2 CPUs" in output
    first, second = result["attempts"]["s_t=1"], result["attempts"]["s_t=2"]
    assert [attempt[:3] for attempt in first] == [["failed", "lost", 2], ["done", None, 1]], output
    assert [attempt[:3] for attempt in second] == [["stopped", "preempted", 2], ["done", None, 1]], output
    assert "again  s_t=1" in output
    assert "is being taken away" in second[0][3]
    # There was no snapshot to go on from; what was warned saved where it was, and the next one writes ten later.
    assert result["resumed"]["s_t=1"] == 0
    assert result["resumed"]["s_t=2"] in (30, 40)
    ours, local = (pd.read_csv(next((folder / name).rglob("table_1.csv"))) for name in ("results", "local"))
    pd.testing.assert_frame_equal(ours[["row", "value"]], local[["row", "value"]])
