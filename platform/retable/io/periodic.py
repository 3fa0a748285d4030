"""A periodic action in a thread, beside the main work."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def periodic(action: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Call an action every so many seconds in a thread, until the block ends."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
