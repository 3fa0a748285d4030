"""Signal handling of a run: the first Ctrl-C saves and stops, the second ends at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from retable.execution.execution import Execution


@contextmanager
def stopped_by_signals(execution: Execution) -> Iterator[None]:
    """Let SIGINT and SIGTERM stop the execution while the body runs, in the main thread.

    Raises:
        KeyboardInterrupt: the second of them.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        if execution.stopping:
            raise KeyboardInterrupt
        execution.request_stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
