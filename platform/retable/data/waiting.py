"""How long training waits for its data: the seconds that this process has spent on making batches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Wait:
    """Seconds waited so far; whoever asks takes the difference between two looks."""

    seconds: float = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the block, also where it fails."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - start


BATCHES = Wait()
"""Training batches of this process. They are made where they are used, so making them is waiting for them."""
