import logging
import threading

import pytest

from retable.errors import RetableError
from retable.io.periodic import periodic


def test_an_expected_error_is_logged_once_and_the_action_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    turns = iter(range(100))
    enough = threading.Event()

    def act() -> None:
        if next(turns) < 3:
            raise RetableError("the disk is full", remedy="make room")
        enough.set()

    with caplog.at_level(logging.WARNING), periodic(act, 0.001, "leases"):
        assert enough.wait(60)
    assert [record.getMessage() for record in caplog.records] == ["leases: the disk is full; make room"]
