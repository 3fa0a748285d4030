"""Connecting to Ray: a cluster of our own here, or a running one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from retable.cluster import SETTINGS


@contextmanager
def connected(address: str | None, scratch: Path) -> Iterator[list[dict[str, float]]]:
    """Ray, for the length of the block: a cluster of its own here, or the running one at that address.

    Yields each living node's resources. Ends only the Ray that it started. The dashboard is on, on loopback: with
    it off, every trial that Tune stops keeps its placement group for ever.

    Raises:
        ConnectionError: nothing answers at the address.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # nobody preempts us here
        # Without "local", Ray joins whatever cluster `ray start` left on this machine, with that one's code.
        ray.init(address="local", include_dashboard=True, dashboard_host="127.0.0.1", **common)
        _protect_token()
    else:
        try:
            ray.init(address=address, runtime_env=_checkout_environment(), **common)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConnectionError(
                f"no Ray cluster answers at {address}: {error}\nStart one with `ray start --head` or leave out --address; "
                "a cluster with token authentication needs the same token file on this machine"
            ) from error
    try:
        yield [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()


def _protect_token() -> None:
    """Ray writes its token file for all to read; narrow it to the user."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH", Path.home() / ".ray" / "auth_token"))
    if path.exists():
        path.chmod(0o600)


def _checkout_environment() -> dict[str, Any]:
    """How a running cluster's workers find this code: the checkout travels, without data and results."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "pyproject.toml").exists():
        return {}  # installed as a wheel: the nodes must have the same wheel
    return {
        "working_dir": str(root),
        "excludes": ["/.git", "/.venv", "/results", "/docs", "/.mypy_cache", "/.ruff_cache"],
        "env_vars": {"PYTHONPATH": "platform", **{k: os.environ[k] for k in SETTINGS}},
    }
