"""Seconds spent on making batches."""

import time

import pytest

from retable.data.samples.split import Wait


def slow_failure() -> None:
    time.sleep(0.02)
    raise KeyError


def test_blocks_add_up_also_where_they_fail() -> None:
    wait = Wait()
    started = time.monotonic()
    with wait.counted():
        time.sleep(0.02)
    with pytest.raises(KeyError), wait.counted():
        slow_failure()
    assert 0.04 <= wait.seconds <= time.monotonic() - started
