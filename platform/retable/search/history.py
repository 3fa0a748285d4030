"""What a search has asked and decided, in one file a cell: the truth of which Optuna's storage is a projection.

A point is written here, whole, before its trial begins, and so is every decision of the halving before it takes effect.
Scores stand in the trials' folders and nowhere else.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from retable.io.files import UnusableFileError, write_json
from retable.study.search import Point


@dataclass(frozen=True)
class Rung:
    """A trial's arrival at a rung: the score that it had there, and whether it went on."""

    value: float
    protocol: str
    kept: bool


@dataclass(frozen=True)
class Suggested:
    """One point that was asked.

    Attributes:
        number: from 0, in the order of asking.
        signature: of the point's trial.
        rungs: by iteration.
    """

    number: int
    point: Point
    signature: str
    rungs: Mapping[int, Rung] = field(default_factory=dict)

    @property
    def pruned_at(self) -> int | None:
        """The iteration at which it was decided that it ends; None if it was not."""
        return next((iteration for iteration, rung in self.rungs.items() if not rung.kept), None)


class SearchHistory:
    """The points of one cell, read from their file, and written whole at each change.

    Raises:
        UnusableFileError: the file is damaged, or of another search.
    """

    def __init__(self, path: Path, declared: Mapping[str, object]) -> None:
        self.path, self.declared = path, dict(declared)
        self._asked = {asked.number: asked for asked in self._load()}

    def __iter__(self) -> Iterator[Suggested]:
        return iter(list(self._asked.values()))

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, point: Point, signature: str) -> Suggested:
        """Write down that a point is asked, before anything is begun for it."""
        asked = Suggested(len(self._asked), dict(point), signature)
        self._put(asked)
        return asked

    def arrive(self, number: int, iteration: int, rung: Rung) -> Suggested:
        """Write down that a trial has reached a rung, and what follows from it. The first word counts."""
        asked = self._asked[number]
        if iteration not in asked.rungs:
            asked = replace(asked, rungs={**asked.rungs, iteration: rung})
            self._put(asked)
        return asked

    def at_rung(self, iteration: int) -> list[Rung]:
        """Those that have reached a rung, in the order of asking."""
        return [asked.rungs[iteration] for asked in self if iteration in asked.rungs]

    def _put(self, asked: Suggested) -> None:
        points = {**self._asked, asked.number: asked}
        write_json(
            self.path,
            {"search": self.declared, "points": [asdict(points[number]) for number in sorted(points)]},
        )
        self._asked = points

    def _load(self) -> list[Suggested]:
        try:
            saved = json.loads(self.path.read_bytes())
            points = [
                Suggested(
                    p["number"],
                    p["point"],
                    p["signature"],
                    {int(iteration): Rung(**rung) for iteration, rung in p["rungs"].items()},
                )
                for p in saved["points"]
            ]
            declared = saved["search"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableFileError(
                f"{self.path} is damaged ({error})",
                remedy="move it away and run again: the same points are proposed, and those whose trials are finished "
                "cost nothing",
            ) from error
        if declared != json.loads(json.dumps(self.declared)) or [p.number for p in points] != list(
            range(len(points))
        ):
            raise UnusableFileError(f"{self.path} is of another search", remedy="move it away and run again")
        return points
