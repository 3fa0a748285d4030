import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, and no test is wrong for it.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Servers of tests are on this machine, and a proxy knows nothing of them.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

WorkerGroup = Callable[[str, int, Path], list[Any]]


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """What a test draws from torch's own stream does not depend on which tests were before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def float64() -> Iterator[None]:
    """What the test makes and computes is float64: no bit of a sum's order is left in what it compares."""
    from tests.precision import in_float64

    with in_float64():
        yield


@pytest.fixture(scope="session")
def worker_group() -> WorkerGroup:
    """Calls a file's `as_worker(workers, folder)` in so many processes; what they return, by rank."""

    def run(file: str, size: int, folder: Path) -> list[Any]:
        script = Path(__file__).with_name("worker_group.py")
        command = [sys.executable, "-W", "error", str(script), file, str(folder)]
        processes = [subprocess.Popen([*command, str(rank), str(size)]) for rank in range(size)]
        try:
            assert [process.wait(timeout=900) for process in processes] == [0] * size
        finally:
            for process in processes:
                process.kill()
        return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(size)]

    return run


@pytest.fixture(scope="session")
def walking() -> ModuleType:
    """The study whose model is two numbers: tests/retable/cluster/walking.py, imported by its name."""
    return _by_name(Path(__file__).parent / "retable" / "cluster" / "walking.py")


@pytest.fixture(scope="session")
def valley() -> ModuleType:
    """The search whose model is one number: tests/retable/search/valley.py, imported by its name."""
    return _by_name(Path(__file__).parent / "retable" / "search" / "valley.py")


def _by_name(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
