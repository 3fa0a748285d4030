import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def walking() -> ModuleType:
    """The study whose model is two numbers: tests/cluster/walking.py, imported by its name."""
    path = Path(__file__).parent / "cluster" / "walking.py"
    spec = importlib.util.spec_from_file_location("walking", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["walking"] = module
    spec.loader.exec_module(module)
    return module
