"""Cache of step costs in the user's cache folder, shared by all commands."""

import hashlib
import json
import sys
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from retable.io.cache import cache_folder
from retable.io.files import write_json
from retable.trial.config import TrialConfig
from retable.trial.step_cost import StepCost


class CostCache:
    """Step costs of configs; a cost that is not in the cache is counted once.

    The key is a hash of the config's `cost_key`, of the sources that could change the cost, and of torch's version.

    Args:
        folder: parent of the cache; the user's cache folder by default. If it cannot be written, every process counts
            again.

    Attributes:
        counted: number of costs that were not in the cache.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = cache_folder(folder) / "costs"
        self.counted = 0
        self._known: dict[str, StepCost] = {}

    def of(self, config: TrialConfig) -> StepCost | None:
        """Cost of a training step of the config; None if its family counts no costs.

        Raises:
            ValueError: no network can be built from the config.
        """
        key = config.cost_key()
        if key is None:
            return None
        name = _name(config, key)
        if name not in self._known:
            self._known[name] = self._read(name) or self._count(name, config)
        return self._known[name]

    def _read(self, name: str) -> StepCost | None:
        try:
            return StepCost.from_json(json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # absent or damaged: counted again

    def _count(self, name: str, config: TrialConfig) -> StepCost:
        cost = config.step_cost()
        self.counted += 1
        with suppress(OSError):
            write_json(self.folder / f"{name}.json", cost.to_json())
        return cost


def _name(config: TrialConfig, key: object) -> str:
    content = {"trainable": config.trainable, "key": key, "code": _code(type(config).__module__)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache
def _code(module: str) -> str:
    """Hash of torch's version and of all sources of the module's package and of retable."""
    hashed = hashlib.sha256(version("torch").encode())
    for package in (module.partition(".")[0], __name__.partition(".")[0]):
        for path in sorted(_sources(package, module)):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _sources(package: str, module: str) -> list[Path]:
    """Python files of the package, or the module's own file if it is in no package."""
    folders = getattr(sys.modules.get(package), "__path__", None)
    if folders is not None:
        return [path for folder in folders for path in Path(folder).rglob("*.py")]
    file = getattr(sys.modules.get(module), "__file__", None)
    return [Path(file)] if file else []
