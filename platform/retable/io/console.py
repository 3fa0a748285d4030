"""The console of a command, and its progress bars: one that counts items, one that counts files and bytes."""

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
"""Seconds between two lines of progress where there is no terminal."""

LOG_WIDTH = 160
"""Columns of the console where there is no terminal: wide enough for a plan's lines."""


def open_console() -> Console:
    """The console of a command."""
    return Console(width=None if sys.stdout.isatty() else LOG_WIDTH)


@contextmanager
def progress_bar(console: Console, label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of items. Call the function that it yields with (done, total); the first call shows it."""
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=None, visible=False)
        printed = time.monotonic() - LINE_SECONDS + 1

        def update(done: int, total: int) -> None:
            nonlocal printed
            progress.update(task, completed=done, total=total, visible=True)
            if not console.is_terminal and (time.monotonic() - printed > LINE_SECONDS or done == total):
                printed = time.monotonic()
                console.print(f"{label}: {done} of {total}", highlight=False)

        yield update


@contextmanager
def file_progress_bar(console: Console, label: str) -> Iterator[Callable[[int, int, int], None]]:
    """A progress bar of files. Call the function that it yields with (done, total, bytes so far).

    Without a terminal it is a line every few seconds. A last line gives the totals.
    """
    columns = (
        *(TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[size]}")),
        *(TimeElapsedColumn(), TextColumn("so far,"), TimeRemainingColumn(), TextColumn("left")),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=None, visible=False, size="")
        start = printed = time.monotonic()
        last = ""

        def update(done: int, total: int, size: int) -> None:
            nonlocal printed, last
            progress.update(task, completed=done, total=total, visible=True, size=decimal(size))
            now = time.monotonic()
            last = f"{label}: {done:,} of {total:,} files, {decimal(size)} in {_clock(now - start)}"
            if not console.is_terminal and done < total and now - printed > LINE_SECONDS:
                printed = now
                left = _clock((now - start) / done * (total - done))
                console.print(f"{last}, about {left} left", highlight=False)

        yield update
    if last:
        console.print(last, highlight=False)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
