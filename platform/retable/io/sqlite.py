"""One SQLite file that several processes write: durability, waiting, schema and readable errors."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from retable.errors import RetableError
from retable.io.files import AGAIN, DiskFull, make_folder

Row = sqlite3.Row

BUSY_SECONDS = 60.0
POLL_SECONDS = 0.002


MOVE_AWAY = (
    "move it away and run the study again: finished trials are taken from their folders, others go on from their "
    "checkpoints, and only the record of earlier attempts is lost"
)
"""The remedy for a ledger whose content is lost."""


class LedgerError(RetableError, RuntimeError):
    """The ledger's file can't be used."""


class Database:
    """A SQLite file, made or migrated to the newest schema. Threads may share one; each process opens its own.

    Args:
        migrations: scripts that turn schema n - 1 into schema n, from none on; statements are separated by ``;``.

    Raises:
        LedgerError: the file is of another kind, or a newer version of Retable made it.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        make_folder(path.parent)
        self._lock = threading.RLock()
        with _readable_errors(path):
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            self._open(migrations)
        except BaseException:
            self._connection.close()
            raise

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Execute a statement; wait while others write.

        SQLite's own waiting sleeps up to 0.1 s between two tries, which starves one of many writers.
        """
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._connection.execute(statement, values)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            time.sleep(POLL_SECONDS)

    @contextmanager
    def guarded(self) -> Iterator["Database"]:
        """The database, for one thread at a time; each statement is a transaction of its own."""
        with self._lock, _readable_errors(self.path):
            yield self

    @contextmanager
    def writing(self) -> Iterator["Database"]:
        """One transaction: all of it is on the disk afterwards, or none of it."""
        with self.guarded(), self._connection:
            self.execute("BEGIN IMMEDIATE")
            yield self

    def copy(self, path: Path) -> None:
        """Write the whole database into another file."""
        with self.guarded(), closing(sqlite3.connect(path)) as other:
            self._connection.backup(other)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _open(self, migrations: Sequence[str]) -> None:
        with self.guarded():
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self.execute(f"PRAGMA {pragma}")
            if self._schema() == len(migrations):
                return
        with self.writing():
            found = self._schema()
            if found > len(migrations):
                raise LedgerError(
                    f"{self.path} has schema {found}, but this version of Retable reads up to {len(migrations)}",
                    remedy="use the version that wrote it, or a newer one (pip install -U retable)",
                )
            self.execute("CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)")
            for script in migrations[found:]:
                for statement in script.split(";"):
                    self.execute(statement)
            self.execute("DELETE FROM schema")
            self.execute("INSERT INTO schema VALUES (?)", (len(migrations),))

    def _schema(self) -> int:
        tables = self.execute("SELECT count(*) FROM sqlite_master WHERE name = 'schema'").fetchone()[0]
        found = self.execute("SELECT version FROM schema").fetchone() if tables else (0,)
        if found is None or not isinstance(found[0], int):
            raise LedgerError(f"{self.path} is damaged: it has no number of its schema", remedy=MOVE_AWAY)
        return found[0]


@contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with a remedy."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake in our statements, not the user's
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(f"there is no room for {path}; nothing is lost", remedy=AGAIN) from error
        if code == sqlite3.SQLITE_BUSY:
            problem = f"the ledger {path} is locked: another process has been writing for {BUSY_SECONDS:g} s"
            raise LedgerError(problem, remedy="wait for that process or stop it, and try again") from error
        if path.is_dir():
            raise LedgerError(
                f"the ledger {path} must be a file, but is a folder", remedy=MOVE_AWAY
            ) from error
        damaged = code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
        raise LedgerError(
            f"the ledger {path} must be a SQLite file with the ledger's tables, but is damaged or another file: {error}"
            if damaged
            else f"the ledger {path} can't be read and written: {error}",
            remedy=MOVE_AWAY if damaged else "let this user read and write the file and its folder",
        ) from error
