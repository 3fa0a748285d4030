"""What people see while something runs: live on a terminal, a line every few seconds where there is none."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 5.0
"""Between two lines of progress where there is no terminal."""

LOG_WIDTH = 160
"""Columns where there is no terminal to ask: wide enough for a plan's lines."""


def open_console() -> Console:
    """The console of a command."""
    return Console(width=None if sys.stdout.isatty() else LOG_WIDTH)


@contextmanager
def counting(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that appears with the first item told to it as (done, in all)."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None, visible=False)
        said = time.monotonic() - LINE_SECONDS + 1

        def tell(done: int, total: int) -> None:
            nonlocal said
            progress.update(task, completed=done, total=total, visible=True)
            if not console.is_terminal and (time.monotonic() - said > LINE_SECONDS or done == total):
                said = time.monotonic()
                console.print(f"{what}: {done} of {total}", highlight=False)

        yield tell
