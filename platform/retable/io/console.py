"""Progress of work that moves bytes: files done and left, bytes, time so far and time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

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


@contextmanager
def measuring(console: Console, what: str) -> Iterator[Callable[[int, int, int], None]]:
    """A progress bar that appears with the first file told to it as (done, in all, bytes so far).

    Where there is no terminal it is a line every few seconds. A last line says what was done in all.
    """
    columns = (
        *(TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}")),
        *(TimeElapsedColumn(), TextColumn("so far,"), TimeRemainingColumn(), TextColumn("left")),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None, visible=False, size="")
        start = said = time.monotonic()
        last = ""

        def tell(done: int, total: int, size: int) -> None:
            nonlocal said, last
            progress.update(task, completed=done, total=total, visible=True, size=decimal(size))
            now = time.monotonic()
            last = f"{what}: {done:,} of {total:,} files, {decimal(size)} in {_clock(now - start)}"
            if not console.is_terminal and done < total and now - said > LINE_SECONDS:
                said = now
                left = _clock((now - start) / done * (total - done))
                console.print(f"{last}, about {left} left", highlight=False)

        yield tell
    if last:
        console.print(last, highlight=False)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
