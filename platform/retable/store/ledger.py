"""The ledger: the database of studies, trials and attempts, and the leases of running attempts.

One SQLite file, opened only on the driver's host (workers never open it). An attempt holds a lease on its trial, which it
renews; when its process is gone or silent, the next `begin` takes the lease, and the old attempt is refused from then
on. Resuming a study means to begin the trials that the ledger does not call finished.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

from retable.environment.process import ProcessIdentity, boot_id
from retable.errors import OptionError
from retable.io.sqlite import MOVE_AWAY, Database, LedgerError, Row
from retable.store.fence import Fenced
from retable.store.ledger_schema import MIGRATIONS
from retable.store.records import FINISHED, AlreadyDone, Attempt, End, LeaseHeld, TrialRecord, UnknownTrial

__all__ = ["FINISHED", "AlreadyDone", "Attempt", "End", "Fenced", "LeaseHeld", "Ledger", "LedgerError"]
__all__ += ["TrialRecord", "UnknownTrial"]


class Ledger:
    """The ledger in a file, which is made if it is missing. Threads may share one; processes open their own.

    Args:
        lease_seconds: an attempt that was not renewed for so long may be replaced.

    Raises:
        LedgerError: the file is no ledger, or a newer version of Retable made it.
    """

    def __init__(self, path: Path, *, lease_seconds: float = 60.0) -> None:
        self.path, self.lease_seconds = path, lease_seconds
        self._db = Database(path, MIGRATIONS)

    def copy(self, path: Path) -> None:
        """Write the ledger, as it stands, into another file."""
        self._db.copy(path)

    def declare(
        self, study: str, scale: str, trials: Iterable[tuple[str, Mapping[str, object], str]]
    ) -> None:
        """Record that a study at a scale has these trials. Earlier ones stay; calling it twice changes nothing.

        Args:
            trials: signature, identity (JSON-ready) and name of each.

        Raises:
            LedgerError: a signature is known with another identity.
        """
        with self._db.writing() as db:
            db.execute("INSERT OR IGNORE INTO study VALUES (?, ?, ?)", (study, scale, _iso(time.time())))
            for signature, identity, name in trials:
                text = json.dumps(identity, sort_keys=True, allow_nan=False)
                known = db.execute("SELECT identity FROM trial WHERE signature = ?", (signature,)).fetchone()
                if known is not None and known["identity"] != text:
                    raise LedgerError(
                        f"trial {signature} is in {self.path} with the identity {known['identity']}, but was declared "
                        f"with {text}; a signature must stand for one identity",
                        remedy=MOVE_AWAY,
                    )
                db.execute(
                    "INSERT INTO trial VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name",
                    (signature, name, text),
                )
                db.execute("INSERT OR IGNORE INTO membership VALUES (?, ?, ?)", (study, scale, signature))

    def begin(
        self,
        signature: str,
        *,
        owner: ProcessIdentity | None = None,
        workers: int = 1,
        split: int = 1,
        above: int = 0,
    ) -> Attempt:
        """Take the lease on a trial for a new attempt, and from now on refuse the attempts before it.

        Args:
            owner: the process that will renew the lease; None for this one. It may replace its own attempt.
            workers: size of the worker group, for the cost.
            split: parts that the attempt cuts each micro-batch of its config into.
            above: a number that the attempt's number exceeds: the trial's folder may be older than the ledger.

        Raises:
            UnknownTrial: it was never declared.
            AlreadyDone: it is finished.
            LeaseHeld: another process that lives has it.
        """
        owner = owner or ProcessIdentity.current()
        with self._db.writing() as db:
            trial = self.trial(signature)
            if trial.state in FINISHED:
                raise AlreadyDone(
                    f"trial {signature} ({trial.name}) is {trial.state}; its result is in {self.path}",
                    remedy="`retable retry STUDY --trial` trains it from its start again",
                )
            last = trial.attempts[-1] if trial.attempts else None
            if last and last.state == "running" and last.owner != owner:
                raise LeaseHeld(
                    f"trial {signature} ({trial.name}) is worked on by {last.owner} since {last.began}",
                    remedy="wait for it, or stop that process and run the same command again",
                )
            if last:
                db.execute(
                    "UPDATE attempt SET state = ?, cause = ?, message = ?, ended_wall = renewed_wall "
                    "WHERE signature = ? AND state = 'running'",
                    (*_replaced(last), last.message, signature),
                )
            wall, monotonic = time.time(), time.monotonic()
            db.execute(
                "INSERT INTO attempt (signature, number, state, host, boot, namespace, pid, started, workers, split, "
                "began_wall, began_monotonic, renewed_wall, renewed_monotonic, iteration) "
                "VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (signature, max(last.number if last else 0, above) + 1, *astuple(owner), workers, split)
                + (wall, monotonic, wall, monotonic, trial.iteration),
            )
            return self.attempts(signature)[-1]

    def renew(self, attempt: Attempt) -> None:
        """Renew an attempt's lease.

        Raises:
            Fenced: it was replaced, or has ended.
        """
        self._update(attempt, "iteration = iteration")

    def progress(self, attempt: Attempt, iteration: int) -> None:
        """Renew an attempt's lease, and record its iteration.

        Raises:
            Fenced: it was replaced, or has ended.
        """
        self._update(attempt, "iteration = ?", iteration)

    def prune(self, attempt: Attempt, reason: str) -> None:
        """Record the decision to end an attempt early, before the attempt is asked to stop.

        An attempt whose process is killed before it stopped reads as pruned all the same.

        Raises:
            Fenced: it was replaced, or has ended.
        """
        self._update(attempt, "pruned = ?", reason)

    def finish(
        self,
        attempt: Attempt,
        state: End,
        result: Mapping[str, Any] | None = None,
        cause: str | None = None,
        message: str = "",
    ) -> None:
        """End an attempt. A trial that is done or collapsed is finished for good. Calling it twice changes nothing.

        Raises:
            Fenced: it was replaced, or has ended in another state.
            ValueError: there is no such state, or the result holds a number that is not finite.
        """
        if state not in get_args(End):
            raise ValueError(f"an attempt ends as one of {', '.join(get_args(End))}, but got {state!r}")
        try:
            text = None if result is None else json.dumps(result, allow_nan=False)
        except ValueError as error:
            error.add_note(
                f"in the result of trial {attempt.signature}: leave out numbers that are not finite"
            )
            raise
        with self._db.writing():
            last = self.attempts(attempt.signature)[-1]
            if last.ended is None or (last.number, last.state) != (attempt.number, state):
                self._update(
                    attempt,
                    "state = ?, result = ?, cause = ?, message = ?, ended_wall = ?",
                    *(state, text, cause, message, time.time()),
                )

    def reopen(self, signature: str, message: str) -> None:
        """Let a finished trial be trained again: its last attempt reads as lost, and its result is deleted here.

        Args:
            message: the reason.

        Raises:
            UnknownTrial: it was never declared.
            OptionError: it is not finished.
        """
        with self._db.writing() as db:
            trial = self.trial(signature)
            if trial.state not in FINISHED:
                raise OptionError(f"trial {signature} ({trial.name}) is {trial.state}, not finished")
            db.execute(
                "UPDATE attempt SET state = 'failed', cause = 'lost', message = ?, result = NULL "
                "WHERE signature = ? AND number = ?",
                (message, signature, trial.attempts[-1].number),
            )

    def trial(self, signature: str) -> TrialRecord:
        """A trial and its attempts.

        Raises:
            UnknownTrial: it was never declared.
        """
        for record in self._records("WHERE trial.signature = ?", signature):
            return record
        raise UnknownTrial(f"trial {signature} is not in {self.path}", remedy="declare its study first")

    def trials(self, study: str | None = None, scale: str | None = None) -> list[TrialRecord]:
        """The trials of a study (None: of all) at a scale (None: at all), in the order of their first declaration."""
        return self._records(
            "WHERE trial.signature IN (SELECT signature FROM membership "
            "WHERE study = coalesce(?, study) AND scale = coalesce(?, scale))",
            *(study, scale),
        )

    def attempts(self, signature: str) -> tuple[Attempt, ...]:
        """All attempts at a trial, first to last.

        Raises:
            UnknownTrial: it was never declared.
        """
        return self.trial(signature).attempts

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _update(self, attempt: Attempt, assignment: str, *values: object) -> None:
        wall, monotonic = time.time(), time.monotonic()
        with self._db.guarded():
            changed = self._db.execute(
                f"UPDATE attempt SET {assignment}, renewed_wall = ?, renewed_monotonic = ?, seconds = max(seconds, "
                "CASE WHEN boot = ? THEN ? - began_monotonic ELSE ? - began_wall END) "
                "WHERE signature = ? AND number = ? AND state = 'running'",
                (*values, wall, monotonic, boot_id(), monotonic, wall, attempt.signature, attempt.number),
            ).rowcount
        if not changed:
            last = self.attempts(attempt.signature)[-1]
            raise Fenced(
                f"attempt {attempt.number} at trial {attempt.signature} may not write any more: attempt {last.number} "
                f"is {last.state}",
                remedy="nothing is to be done: what the ledger says now holds",
            )

    def _records(self, where: str, *values: object) -> list[TrialRecord]:
        with self._db.guarded():
            rows = self._db.execute(
                "SELECT trial.signature, name, identity, attempt.* FROM trial LEFT JOIN attempt "
                f"ON attempt.signature = trial.signature {where} ORDER BY trial.rowid, number",
                values,
            ).fetchall()
        return [
            TrialRecord(
                signature,
                group[0]["name"],
                self._identity(group[0]["identity"]),
                tuple(self._attempt(row) for row in group if row["number"] is not None),
            )
            for signature, group in (
                (key, list(rows)) for key, rows in groupby(rows, lambda row: str(row["signature"]))
            )
        ]

    def _identity(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise LedgerError(
                f"the ledger {self.path} is damaged: a trial has the identity {text!r:.40}", remedy=MOVE_AWAY
            ) from error

    def _attempt(self, row: Row) -> Attempt:
        owner = ProcessIdentity(row["host"], row["boot"], row["namespace"], row["pid"], row["started"])
        state, cause, message = row["state"], row["cause"], row["message"]
        if state == "running" and (why := self._dead(row, owner)):
            state, cause, message = "failed", "lost", why
            if row["pruned"] is not None:
                state, cause, message = "pruned", None, row["pruned"]
        return Attempt(
            signature=row["signature"],
            number=row["number"],
            state=state,
            owner=owner,
            workers=row["workers"],
            split=row["split"],
            began=_iso(row["began_wall"]),
            ended=None if row["ended_wall"] is None else _iso(row["ended_wall"]),
            seconds=row["seconds"],
            iteration=row["iteration"],
            result=None if row["result"] is None else _parsed(row["result"]),
            cause=cause,
            message=message,
        )

    def _dead(self, row: Row, owner: ProcessIdentity) -> str:
        """The reason why a lease is no longer alive; empty if it is."""
        if owner.exists() is False:
            return f"{owner} is gone"
        if owner.boot and owner.boot == boot_id():  # one clock for all processes, which nobody sets
            silent = time.monotonic() - row["renewed_monotonic"]
        else:
            silent = time.time() - row["renewed_wall"]
        return f"{owner} was silent for {silent:.0f} s" if silent > self.lease_seconds else ""


def _replaced(last: Attempt) -> tuple[str, str | None]:
    """State and cause of an attempt that is replaced by the next one, of its own process or after its process has gone."""
    return ("pruned", None) if last.state == "pruned" else ("failed", last.cause or "replaced")


def _parsed(result: str) -> Mapping[str, Any]:
    """The result as it was recorded; empty if it is damaged, which must not hide the other trials."""
    try:
        found = json.loads(result)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
