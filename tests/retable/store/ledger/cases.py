"""Three trials, the owners that work on them, and both clocks in the test's hand."""

import time
from dataclasses import replace

import pytest

from retable.environment.process import ProcessIdentity

TRIALS = [(f"{i:016x}", {"config": {"s_t": i}, "seed": 0}, f"s_t={i}") for i in range(3)]
A, B, C = (signature for signature, _, _ in TRIALS)

ME = ProcessIdentity.current()
ABROAD = replace(ME, host="elsewhere", boot="other", pid=7)
"""An owner whose process cannot be seen from here."""
NEIGHBOUR = replace(ME, namespace="pid:[1]", pid=7)
"""An owner in another container of this host: same clock, its process cannot be seen."""
GONE = replace(ME, started=1)


class Clocks:
    """Both clocks in the test's hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = 1.8e9, 5000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic)

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds
