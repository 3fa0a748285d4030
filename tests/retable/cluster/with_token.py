"""Runs a script on a Ray of its own that asks for a token."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def printed_by(script: Path, folder: Path, timeout: float) -> dict[str, Any]:
    """The JSON that a script prints, given a folder with the token. None of our settings reach it."""
    (folder / "token").write_text("0123456789abcdef" * 4)
    ours = ("RAY_", "RETABLE_", "MLFLOW_")
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
