"""TODO."""

from pathlib import Path
from typing import Protocol


class Figure(Protocol):
    """One figure.

    Attributes:
        name: stem of its files.
        caption: what it shows, and what the paper leaves unsaid about it.
    """

    @property
    def name(self) -> str: ...
    @property
    def caption(self) -> str: ...

    def write(self, folder: Path, stamp: str = "") -> list[Path]:
        """Draw it into files of that folder, each replaced whole.

        Args:
            stamp: which trial this is, at which scale and iteration; stills and plots show it.

        Raises:
            OSError: the folder can't be written.
        """
        ...
