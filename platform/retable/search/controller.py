"""A run of a study's searches: proposes points to the execution, ends some early, repeats the winners over seeds.

What was asked and decided is written down before it takes effect (`retable.search.history`), so a run that was killed goes on:
points without a result are handed out again, finished ones are told, and nothing is asked twice.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from retable.execution.execution import Execution
from retable.io.locks import held
from retable.planning.plan import PlannedTrial
from retable.search.cell import TunedCell
from retable.search.optuna import Storage, StorageError
from retable.search.report import FoundPoint
from retable.store.ledger import Fenced, LeaseHeld
from retable.store.records import FINISHED, UnknownTrial

REASON = "ended by successive halving"


class SearchController:
    """Proposes the trials of searches to an execution. One thread hands out, another looks after what runs.

    Args:
        execution: over `search_plan` without winners; becomes this proposer's.
        seeds: that each winner is repeated over.
        tell: takes a message for the user.
    """

    def __init__(
        self,
        execution: Execution,
        cells: Sequence[TunedCell[Any]],
        storage: Storage,
        seeds: Sequence[int],
        tell: Callable[[str], None],
    ) -> None:
        self.execution, self.cells, self.storage, self.seeds, self.tell = (
            execution,
            cells,
            storage,
            seeds,
            tell,
        )
        self._lock = threading.RLock()
        self._closed: set[str] = set()
        self._behind = False
        execution.proposer = self
        for tuning in cells:
            for asked in tuning.points:
                tuning.look(asked.signature)
                if asked.pruned_at is None:
                    execution.add(tuning.planned(asked))
            for asked in tuning.points:
                if asked.pruned_at is not None:
                    self._settle(asked.signature)
            self._show(tuning)

    @property
    def open(self) -> bool:
        """Whether a cell may still ask, or wait for its winner."""
        with self._lock:
            return any(tuning.name not in self._closed for tuning in self.cells)

    def propose(self) -> Sequence[PlannedTrial]:
        """The next point, of the cell that has asked the fewest; or the winner's trials of one that is complete."""
        with self._lock:
            for tuning in sorted(self.cells, key=lambda tuning: len(tuning.points)):
                states = self._states(tuning)
                if tuning.name in self._closed:
                    continue
                if "blocked" in states.values():
                    self._close(tuning)
                elif not tuning.complete and (asked := tuning.ask(self._found(tuning))) is not None:
                    self._show(tuning)
                    trials = tuning.planned(asked)
                    for planned in trials:
                        planned.trial.config.prepare(self.execution.data)
                    return trials
                if tuning.complete and not {"waiting", "running"} & set(states.values()):
                    self._close(tuning)
                    if not {"held", "stopped"} & set(states.values()):
                        winner = tuning.winner(self._found(tuning))
                        if winner is not None:
                            return tuning.winner_trials(winner, self.seeds)
            return ()

    def look(self, signature: str) -> None:
        """Decide whether a trial that has written something goes on."""
        with self._lock:
            for tuning in self.cells:
                if not any(asked.signature == signature for asked in tuning.points):
                    continue
                pruned = tuning.look(signature)
                if pruned is not None:
                    with suppress(Fenced):  # another process's attempt; the point is pruned all the same
                        self.execution.prune(signature, f"{REASON} at iteration {pruned.pruned_at}")
                if pruned is not None or signature not in self.execution.running:
                    self._show(tuning)

    def _settle(self, signature: str) -> None:
        """A decision whose process was killed before the ledger had it is entered now, and the trial not handed out."""
        ledger = self.execution.ledger
        if self.execution.states.get(signature) == "waiting":
            self.execution.states[signature] = "pruned"
        with suppress(UnknownTrial, LeaseHeld):
            if ledger.trial(signature).state not in {"pruned", *FINISHED}:
                ledger.finish(ledger.begin(signature), "pruned", message=REASON)

    def _states(self, tuning: TunedCell[Any]) -> dict[str, str]:
        """Signature -> state, of the points that are not pruned."""
        return {
            asked.signature: self.execution.states.get(asked.signature, "waiting")
            for asked in tuning.points
            if asked.pruned_at is None or asked.signature in self.execution.running
        }

    def _found(self, tuning: TunedCell[Any]) -> list[FoundPoint]:
        return tuning.found(self.execution.states, self.execution.messages)

    def _close(self, tuning: TunedCell[Any]) -> None:
        self._closed.add(tuning.name)
        if tuning.exhausted:
            self.tell(f"{tuning.cell.label}: no more than {len(tuning.points)} points: {tuning.exhausted}")
        self._show(tuning)

    def _show(self, tuning: TunedCell[Any]) -> None:
        """Bring Optuna's storage up to date; that it can't be is told once, and ends no trial."""
        tuning.note_finished()
        if len(tuning.points) == 0:
            return
        try:
            self.storage.show(
                tuning.name, tuning.search.space, tuning.objectives, tuning.told(self._found(tuning))
            )
            self._behind = False
        except StorageError as error:
            if not self._behind:
                self.tell(f"{error}.")
            self._behind = True


def alone(folder: Path) -> AbstractContextManager[None]:
    """Be the only process that searches in a folder.

    Raises:
        LockHeldError: another one does.
    """
    return held(
        folder / "lock",
        f"another process is searching in {folder}",
        "wait for it, or stop it and run the same command again",
    )
