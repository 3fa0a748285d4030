"""The search controller: suggests points to an execution, ends some trials early, and repeats the winners over seeds.

Suggestions and decisions are written down before they take effect (`retable.search.history`), so a killed run can be
resumed: points without a result are started again, finished ones are reported, and no point is suggested twice.
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
from retable.search.optuna import OptunaStorage, OptunaStorageError
from retable.search.report import PointResult
from retable.store.ledger import Fenced, LeaseHeld
from retable.store.records import FINISHED, UnknownTrial

REASON = "ended by successive halving"


class SearchController:
    """Suggests the trials of searches to an execution. One thread starts trials, another observes running ones.

    Args:
        execution: an execution of `search_plan` without winners; its proposer is set to this controller.
        cells: the cells of the study's searches.
        storage: Optuna's storage, which shows the searches.
        seeds: training seeds of each winner.
        on_message: called with each message for the user.
    """

    def __init__(
        self,
        execution: Execution,
        cells: Sequence[TunedCell[Any]],
        storage: OptunaStorage,
        seeds: Sequence[int],
        on_message: Callable[[str], None],
    ) -> None:
        self.execution, self.cells, self.storage, self.seeds, self.on_message = (
            execution,
            cells,
            storage,
            seeds,
            on_message,
        )
        self._lock = threading.RLock()
        self._closed: set[str] = set()
        self._outdated = False
        execution.proposer = self
        for tuned in cells:
            for suggestion in tuned.history:
                tuned.check_rungs(suggestion.signature)
                if suggestion.pruned_at is None:
                    execution.add(tuned.planned(suggestion))
            for suggestion in tuned.history:
                if suggestion.pruned_at is not None:
                    self._record_pruned(suggestion.signature)
            self._update_storage(tuned)

    @property
    def open(self) -> bool:
        """True if a cell may still suggest a point or a winner."""
        with self._lock:
            return any(tuned.name not in self._closed for tuned in self.cells)

    def propose(self) -> Sequence[PlannedTrial]:
        """Trials of the next point, of the cell with the fewest points; or of the winner of a complete cell."""
        with self._lock:
            for tuned in sorted(self.cells, key=lambda tuned: len(tuned.history)):
                states = self._states(tuned)
                if tuned.name in self._closed:
                    continue
                if "blocked" in states.values():
                    self._close(tuned)
                elif (
                    not tuned.complete
                    and (suggestion := tuned.suggest(self._point_results(tuned))) is not None
                ):
                    self._update_storage(tuned)
                    trials = tuned.planned(suggestion)
                    for planned in trials:
                        planned.trial.config.prepare(self.execution.data)
                    return trials
                if tuned.complete and not {"waiting", "running"} & set(states.values()):
                    self._close(tuned)
                    if not {"held", "stopped"} & set(states.values()):
                        winner = tuned.winner(self._point_results(tuned))
                        if winner is not None:
                            return tuned.winner_trials(winner, self.seeds)
            return ()

    def look(self, signature: str) -> None:
        """Decide if a trial that has written a score goes on."""
        with self._lock:
            for tuned in self.cells:
                if not any(suggestion.signature == signature for suggestion in tuned.history):
                    continue
                pruned = tuned.check_rungs(signature)
                if pruned is not None:
                    with suppress(Fenced):  # another process runs the attempt; the point stays pruned
                        self.execution.prune(signature, f"{REASON} at iteration {pruned.pruned_at}")
                if pruned is not None or signature not in self.execution.running:
                    self._update_storage(tuned)

    def _record_pruned(self, signature: str) -> None:
        """Record a decision that is missing in the ledger, since its process was killed; the trial is not started."""
        ledger = self.execution.ledger
        if self.execution.states.get(signature) == "waiting":
            self.execution.states[signature] = "pruned"
        with suppress(UnknownTrial, LeaseHeld):
            if ledger.trial(signature).state not in {"pruned", *FINISHED}:
                ledger.finish(ledger.begin(signature), "pruned", message=REASON)

    def _states(self, tuned: TunedCell[Any]) -> dict[str, str]:
        """State by signature of the points that are not pruned."""
        return {
            suggestion.signature: self.execution.states.get(suggestion.signature, "waiting")
            for suggestion in tuned.history
            if suggestion.pruned_at is None or suggestion.signature in self.execution.running
        }

    def _point_results(self, tuned: TunedCell[Any]) -> list[PointResult]:
        return tuned.point_results(self.execution.states, self.execution.messages)

    def _close(self, tuned: TunedCell[Any]) -> None:
        self._closed.add(tuned.name)
        if tuned.exhausted:
            self.on_message(
                f"{tuned.cell.label}: no more than {len(tuned.history)} points: {tuned.exhausted}"
            )
        self._update_storage(tuned)

    def _update_storage(self, tuned: TunedCell[Any]) -> None:
        """Update Optuna's storage. A failure is reported once, and ends no trial."""
        tuned.note_finished()
        if len(tuned.history) == 0:
            return
        try:
            self.storage.update(
                tuned.name, tuned.search.space, tuned.objectives, tuned.reported(self._point_results(tuned))
            )
            self._behind = False
        except OptunaStorageError as error:
            if not self._behind:
                self.on_message(f"{error}.")
            self._behind = True


def search_lock(folder: Path) -> AbstractContextManager[None]:
    """A lock that makes this the only process that searches in a folder.

    Raises:
        LockHeldError: another process holds it.
    """
    return held(
        folder / "lock",
        f"another process is searching in {folder}",
        "wait for it, or stop it and run the same command again",
    )
