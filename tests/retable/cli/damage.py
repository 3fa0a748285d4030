"""Ways in which files of results are damaged, and what a command prints then."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

RUN, REPORT, STATUS, RETRY = (["--local"], ["--report"], ["--status"], ["--retry", "--local"])

Say = Callable[..., str]
"""Runs a command of a study with options over a folder of results, expects an exit code, and gives what it prints."""


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, in one line. There must be no traceback in it."""
    text = " ".join("".join(capsys.readouterr()).split())
    assert "Traceback" not in text
    return text


def overwrite(folder: Path, pattern: str, content: bytes = b"garbage \xff\x00 {") -> None:
    found = list(folder.glob(pattern))
    assert found
    for path in found:
        path.write_bytes(content)


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def truncated(path: Path) -> None:
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(path, path.stat().st_size // 2)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def foreign(path: Path) -> None:
    path.unlink()
    execute(path, "CREATE TABLE trial (x)")


def without_version(path: Path) -> None:
    execute(path, "DELETE FROM schema")


def without_tables(path: Path) -> None:
    execute(path, "DROP TABLE membership")
    execute(path, "DROP TABLE attempt")


def with_bad_values(path: Path) -> None:
    execute(path, "UPDATE trial SET identity = '{'")
