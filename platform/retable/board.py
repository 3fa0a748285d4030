"""The live board of a run: what runs, how far, how long still, what it costs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from retable import outbox
from retable.console import LINE_SECONDS
from retable.execution import Execution
from retable.ledger import FINISHED
from retable.metrics.protocol import Protocol
from retable.plan import PlannedTrial
from retable.run import Assignment


@dataclass
class _Bar:
    """One running trial, as its outbox tells."""

    planned: PlannedTrial
    assignment: Assignment
    started: float = field(default_factory=time.monotonic)
    position: outbox.Position | None = None
    first: int | None = None
    iteration: int = 0
    speed: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)

    def refresh(self) -> None:
        points, self.position = outbox.read(self.assignment.folder, self.position)
        for point in points:
            self.iteration = max(self.iteration, point.iteration)
            if self.first is None:
                self.first = point.iteration
            if point.value is None:
                continue
            if point.key == "iterations_per_second":
                self.speed = point.value
            elif point.kind == "evaluation":
                self.scores[Protocol.parse(point.key).family] = point.value

    @property
    def total(self) -> int:
        return self.planned.trial.config.iterations

    def words(self) -> str:
        scores = " ".join(f"{family} {value:.3g}" for family, value in sorted(self.scores.items()))
        if self.iteration == 0:
            return "starting its workers" if not self.scores else scores
        return (
            f"{self.speed:.2g} it/s  {scores}"
            if self.iteration < self.total
            else f"final evaluation  {scores}"
        )


class Board:
    """Watches an execution; on a terminal a live table, elsewhere a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars: dict[str, _Bar] = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._worker_seconds = 0.0
        self._iterations_done = 0
        self._busy_seconds = 0.0
        self._execution: Execution | None = None

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        """A trial's attempt has begun."""
        with self._lock:
            self._bars[planned.signature] = _Bar(planned, assignment)

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        """A trial's attempt has ended, or the trial can't be run."""
        with self._lock:
            bar = self._bars.pop(planned.signature, None)
            if bar is not None:
                bar.refresh()
                self._busy_seconds += time.monotonic() - bar.started
                self._iterations_done += bar.iteration - (bar.first or 0)
        style = {"done": "green", "collapsed": "yellow", "stopped": "yellow"}.get(state, "red")
        took = "" if bar is None else f" in {_duration(time.monotonic() - bar.started)}, {bar.words()}"
        self.console.print(Text(f"{state:>9}  {planned.name}{took}", style=style))
        if message:
            self.console.print(Text(message.strip().splitlines()[-1], style="dim"))

    @contextmanager
    def watching(self, execution: Execution) -> Iterator[None]:
        """Show the execution while the body runs."""
        self._execution = execution
        if self.console.is_terminal:
            with Live(get_renderable=self._table, console=self.console, refresh_per_second=1, transient=True):
                yield
            return
        over = threading.Event()

        def speak() -> None:
            while not over.wait(LINE_SECONDS):
                self.console.print(self._line(), highlight=False)

        thread = threading.Thread(target=speak, name="board", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _refreshed(self) -> list[_Bar]:
        with self._lock:
            for bar in self._bars.values():
                bar.refresh()
            return list(self._bars.values())

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for bar in self._refreshed():
            progress = ProgressBar(total=bar.total, completed=bar.iteration, width=24)
            table.add_row(bar.planned.name, progress, f"{bar.iteration}/{bar.total}", bar.words())
        return Group(table, Text(self._summary(), style="bold"))

    def _line(self) -> str:
        bars = [f"{bar.planned.name} {bar.iteration}/{bar.total} {bar.words()}" for bar in self._refreshed()]
        return " | ".join([self._summary(), *bars])

    def _summary(self) -> str:
        assert self._execution is not None
        states = list(self._execution.states.values())
        finished = sum(state in FINISHED for state in states)
        parts = [f"{finished} of {len(states)} trials finished", _duration(time.monotonic() - self._started)]
        left = self._seconds_left()
        if self._execution.stopping:
            parts.append("saving and stopping; Ctrl-C again ends at once")
        elif left is not None:
            parts.append(f"about {_duration(left)} left")
        return ", ".join(parts)

    def _seconds_left(self) -> float | None:
        """From the iterations left and the time that an iteration has taken so far, start and evaluation included."""
        assert self._execution is not None
        with self._lock:
            bars = list(self._bars.values())
        done = self._iterations_done + sum(bar.iteration - (bar.first or 0) for bar in bars)
        busy = self._busy_seconds + sum(time.monotonic() - bar.started for bar in bars)
        if done == 0:
            return None
        left = sum(bar.total - bar.iteration for bar in bars) + sum(
            planned.trial.config.iterations
            for planned in self._execution.plan.trials
            if self._execution.states[planned.signature] == "waiting"
        )
        return left * busy / done / max(len(bars), 1)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    )
