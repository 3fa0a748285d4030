"""The live view of a run: cells and trials done, progress and scores of the running trials, time left and cost."""

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

from retable.cli.actions.live.time_left import Spent, time_left
from retable.execution.execution import Execution
from retable.execution.progress import TrialProgress
from retable.io.console import LINE_SECONDS
from retable.io.periodic import periodic
from retable.planning.plan import PlannedTrial
from retable.store.assignment import Assignment
from retable.store.ledger import FINISHED

STYLES = {"done": "green", "again": "yellow", "collapsed": "yellow", "stopped": "yellow", "pruned": "yellow"}


@dataclass
class _Bar:
    """One running trial."""

    planned: PlannedTrial
    progress: TrialProgress
    started: float = field(default_factory=time.monotonic)
    first_sign: float | None = None

    def refresh(self) -> None:
        self.progress.refresh()
        if self.progress.began and self.first_sign is None:
            self.first_sign = time.monotonic()

    @property
    def total(self) -> int:
        return self.planned.trial.config.iterations

    @property
    def place(self) -> str:
        """Iteration and number of iterations; empty for a trial that trains nothing."""
        return f"{self.progress.iteration}/{self.total}" if self.total else ""

    @property
    def text(self) -> str:
        return self.progress.text(self.planned.trial.config)

    def spent(self, *, ended: bool) -> Spent:
        now = time.monotonic()
        return Spent(
            trainable=self.planned.trial.config.trainable,
            starting=(self.first_sign or now) - self.started,
            busy=None if self.first_sign is None else now - self.first_sign,
            done=self.progress.done,
            left=0 if ended else max(self.total - self.progress.iteration, 0),
        )


class LiveView:
    """Watches an execution; on a terminal a live table, elsewhere a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars: dict[str, _Bar] = {}
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._ended: list[Spent] = []
        self._execution: Execution | None = None

    def began(self, planned: PlannedTrial, assignment: Assignment) -> None:
        """A trial's attempt has begun."""
        with self._lock:
            self._bars[planned.signature] = _Bar(
                planned, TrialProgress(assignment.folder, assignment.attempt)
            )
        if assignment.split > 1:
            text = f"{planned.name} again, with micro-batches cut in {assignment.split}: they did not fit"
            self.console.print(Text(text, style="yellow"))
        if assignment.where:
            self.console.print(Text(f"{planned.name}: {assignment.where}", style="dim"))

    def ended(self, planned: PlannedTrial, state: str, message: str) -> None:
        """A trial's attempt has ended, or the trial can't be run."""
        with self._lock:
            bar = self._bars.pop(planned.signature, None)
            if bar is not None:
                bar.refresh()
                self._ended.append(bar.spent(ended=True))
        took = "" if bar is None else f" in {_duration(time.monotonic() - bar.started)}, {bar.text}"
        if self._execution is not None and self._execution.states[planned.signature] == "waiting":
            state = "again"  # it goes on with another worker group
        self.console.print(Text(f"{state:>9}  {planned.name}{took}", style=STYLES.get(state, "red")))
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
        with periodic(self._speak, LINE_SECONDS, "live view"):
            yield

    def _refreshed(self) -> list[_Bar]:
        with self._lock:
            for bar in self._bars.values():
                bar.refresh()
            return list(self._bars.values())

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for bar in self._refreshed():
            progress = ProgressBar(total=bar.total or None, completed=bar.progress.iteration, width=24)
            table.add_row(bar.planned.name, progress, bar.place, bar.text)
        return Group(table, Text(self._summary(), style="bold"))

    def _speak(self) -> None:
        self.console.print(self._line(), highlight=False, soft_wrap=True)  # one line of a log

    def _line(self) -> str:
        bars = [" ".join(filter(None, (bar.planned.name, bar.place, bar.text))) for bar in self._refreshed()]
        return " | ".join([self._summary(), *bars])

    def _summary(self) -> str:
        assert self._execution is not None
        execution = self._execution
        finished = {signature for signature, state in execution.states.items() if state in FINISHED}
        cells = execution.plan.signatures_by_cell()
        filled = sum(signatures <= finished for signatures in cells.values())
        records = [record for record in execution.ledger.trials() if record.signature in execution.states]
        hours = sum(record.worker_seconds for record in records) / 3600
        parts = [
            f"{len(finished)} of {len(execution.states)} trials finished, {filled} of {len(cells)} cells",
            _duration(time.monotonic() - self._started),
            f"{hours:.2f} {execution.hours}",
            execution.waiting_reason,
            "saving and stopping; Ctrl-C again ends at once" if execution.stopping else self._left(),
        ]
        return ", ".join(part for part in parts if part)

    def _left(self) -> str:
        assert self._execution is not None
        waiting: dict[str, list[int]] = {}
        for planned in self._execution.plan.trials:
            if self._execution.states[planned.signature] == "waiting":
                config = planned.trial.config
                waiting.setdefault(config.trainable, []).append(config.iterations)
        with self._lock:
            left = time_left(self._ended, [bar.spent(ended=False) for bar in self._bars.values()], waiting)
        if left.seconds < 1:
            return ""
        return f"{'about' if left.complete else 'more than'} {_duration(left.seconds)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    )
