from collections.abc import Iterator
from pathlib import Path

import pytest

from retable.store.ledger import Ledger
from tests.retable.store.ledger.cases import TRIALS, Clocks


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "results" / "ledger.db") as opened:
        opened.declare("subsampling", "smoke", TRIALS)
        yield opened
