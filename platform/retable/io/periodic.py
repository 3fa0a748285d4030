"""A periodic action in a thread, beside the main work."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retable.errors import RetableError

log = logging.getLogger(__name__)


@contextmanager
def periodic(action: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Do something every so many seconds while the body runs, in a thread.

    An expected error is logged in a sentence, once for each text, and the action is tried again at its next turn.
    """
    over = threading.Event()

    def repeat() -> None:
        logged = set()
        while not over.wait(seconds):
            try:
                action()
            except RetableError as error:
                if str(error) not in logged:
                    log.warning("%s: %s", name, error)
                logged.add(str(error))

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
