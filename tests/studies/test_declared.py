"""Each study can be declared, and so planned and shown, where nothing is installed that trains, tracks or draws."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDIES = sorted(path.stem for path in (ROOT / "studies").glob("[!_]*.py"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_declared_without_anything_heavy(study: str) -> None:
    program = (
        f"import sys, studies.{study}\n"
        "heavy = {'torch', 'ray', 'mlflow', 'matplotlib', 'optuna'} & set(sys.modules)\n"
        "assert not heavy, f'declaring a study imports {heavy}'"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=900)
