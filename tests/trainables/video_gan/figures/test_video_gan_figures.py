from pathlib import Path
from retable.cli import main
from typing import Any


def test_x(trained: Any) -> None:
    print([p.name for p in trained.plan.trials])
    import shutil

    shutil.copytree(trained.results, "/tmp/w/C/results", dirs_exist_ok=True)
    import time

    t = time.time()
    assert main(["figures", str(trained.study), "--out", str(trained.results), "--samples", "20"]) == 0
    print(time.time() - t)
    shutil.copytree(trained.results, "/tmp/w/C/results", dirs_exist_ok=True)
