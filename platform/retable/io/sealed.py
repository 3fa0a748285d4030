"""Sealed JSON files, which contain the SHA-256 of their content, so that any change is detected."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retable.io.files import UnusableFileError, write_json

SEAL = "sha256"
"""Last member of a sealed record: SHA-256 (hex) of the canonical JSON of the others."""


class DamagedFile(UnusableFileError):
    """A file's content is not what Retable wrote: it was cut, or changed by somebody else."""


def sealed(record: Mapping[str, object]) -> dict[str, object]:
    """The record with its seal as the last member.

    Raises:
        ValueError: a number is not finite.
        TypeError: the record holds something that JSON cannot express.
    """
    return {**record, SEAL: content_hash(record)}


def write_sealed(path: Path, record: Mapping[str, object]) -> None:
    """Write a record whole, with its seal. Raises as `retable.io.files.write_json` does."""
    write_json(path, sealed(record))


def parse_sealed(content: bytes, name: object, *, remedy: str) -> tuple[dict[str, Any], bool]:
    """The record in a file, without its seal, and True if it has a seal.

    Files of Retable's first versions have no seal and are trusted.

    Args:
        content: the file's bytes.
        name: the file's name, for the error.
        remedy: remedy in the error.

    Raises:
        DamagedFile: the content is no JSON object with finite numbers, or does not match its seal.
    """
    try:
        record = json.loads(content, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{name} is damaged: {error}", remedy=remedy) from error
    if not isinstance(record, dict):
        raise DamagedFile(f"{name} must hold a JSON object, but holds {record!r:.40}", remedy=remedy)
    if SEAL not in record:
        return record, False
    seal = record.pop(SEAL)
    if seal != (found := _hash(record)):
        raise DamagedFile(
            f"{name} was changed after it was written: its content has SHA-256 {found[:16]}…, but its seal is "
            f"{seal!s:.16}…",
            remedy=remedy,
        )
    return record, True


def content_hash(record: Mapping[str, object]) -> str:
    """SHA-256 (hex) of a record's canonical JSON: sorted names, no blanks. A record read from a file has the same hash."""
    return _hash(json.loads(json.dumps(record, allow_nan=False)))


def _hash(parsed: Mapping[str, object]) -> str:
    """`content_hash` of a record that was parsed from JSON, so that its names are text."""
    return hashlib.sha256(json.dumps(parsed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> float:
    raise ValueError(f"numbers must be finite, but one is {constant}")
