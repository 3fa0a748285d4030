"""Keeps an attempt that was replaced from writing into its trial's folder.

The driver puts up a fence before it starts an attempt. Earlier attempts may live on (a stopped process that wakes, a
host that was cut off): they look at the fence before they write, and end. A row that slips in between their look and
their write is not read, because the fence also says how long their outboxes were when it was put up.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retable.errors import RetableError
from retable.io.files import UnusableFileError, write_json

OUTBOX = "outbox"
"""Subfolder of a trial's folder with one metrics file an attempt."""


class Fenced(RetableError, RuntimeError):
    """An attempt was replaced by a later one and may not write any more."""


@dataclass(frozen=True)
class Fence:
    """The fence of a trial's folder.

    Attributes:
        attempt: the first attempt that may write; 0 where there is no fence.
        outboxes: how many bytes of each earlier attempt's outbox count, by attempt.
    """

    attempt: int = 0
    outboxes: Mapping[int, int] = field(default_factory=dict)

    @staticmethod
    def of(folder: Path) -> "Fence":
        """The fence of that trial's folder.

        Raises:
            UnusableFileError: its file is damaged.
        """
        path = folder / "fence.json"
        try:
            saved = json.loads(path.read_bytes())
            return Fence(
                saved["attempt"], {int(attempt): size for attempt, size in saved["outboxes"].items()}
            )
        except FileNotFoundError:
            return Fence()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableFileError(
                f"{path} is damaged", remedy="delete it and run the same command again"
            ) from error


def fence(folder: Path, attempt: int) -> None:
    """Let only this attempt and later ones write into a trial's folder. Calling it twice changes nothing.

    Args:
        folder: the trial's folder; made if it is missing.
        attempt: the attempt's number in the ledger, from 1.

    Raises:
        Fenced: a later attempt put up its fence already.
    """
    check(folder, attempt)
    old = Fence.of(folder)
    if attempt > old.attempt:
        ended = {a: _size(path) for a, path in outboxes(folder).items() if old.attempt <= a < attempt}
        write_json(
            folder / "fence.json",
            {"attempt": attempt, "outboxes": {str(a): size for a, size in {**ended, **old.outboxes}.items()}},
        )


def check(folder: Path, attempt: int) -> None:
    """Whether this attempt may still write.

    Raises:
        Fenced: it may not.
    """
    first = Fence.of(folder).attempt
    if attempt < first:
        raise Fenced(
            f"attempt {attempt} of trial {folder.name} was replaced by attempt {first} and may not write any more",
            remedy="nothing is to be done: the later attempt goes on from the last checkpoint",
        )


def outboxes(folder: Path) -> dict[int, Path]:
    """The metrics files of a trial's folder by attempt, in order."""
    return {int(path.stem): path for path in sorted((folder / OUTBOX).glob("[0-9]*.jsonl"))}


def _size(path: Path) -> int:
    with path.open("rb") as file:  # opening asks a network disk for the size that holds now; stat may not
        return file.seek(0, 2)
