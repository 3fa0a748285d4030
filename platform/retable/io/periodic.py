"""Something that is done every few seconds, beside the work."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def periodic(action: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Do something every so many seconds while the body runs, in a thread."""
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
