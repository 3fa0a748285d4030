"""The history of a search: the suggestions and decisions of one cell, in one file. Optuna's storage is a copy of it.

A point is written before its trial begins, and a decision of successive halving before it takes effect. Final scores are
only in the trials' folders.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from retable.io.files import UnusableFileError, write_json
from retable.study.search import Point


@dataclass(frozen=True)
class Rung:
    """A trial at a rung of successive halving: its score, and the decision."""

    value: float
    protocol: str
    kept: bool


@dataclass(frozen=True)
class Suggestion:
    """One suggested point.

    Attributes:
        number: number from 0, in the order of suggestion.
        signature: signature of the point's trial.
        rungs: rungs that the trial has reached, by iteration.
    """

    number: int
    point: Point
    signature: str
    rungs: Mapping[int, Rung] = field(default_factory=dict)

    @property
    def pruned_at(self) -> int | None:
        """The iteration at which the trial was pruned; None if it was not."""
        return next((iteration for iteration, rung in self.rungs.items() if not rung.kept), None)


class SearchHistory:
    """The suggestions of one cell, read from their file. Each change writes the whole file.

    Raises:
        UnusableFileError: the file is damaged, or of another search.
    """

    def __init__(self, path: Path, declared: Mapping[str, object]) -> None:
        self.path, self.declared = path, dict(declared)
        self._suggestions = {suggestion.number: suggestion for suggestion in self._load()}

    def __iter__(self) -> Iterator[Suggestion]:
        return iter(list(self._suggestions.values()))

    def __len__(self) -> int:
        return len(self._suggestions)

    def add(self, point: Point, signature: str) -> Suggestion:
        """Record a suggestion, before its trial begins."""
        suggestion = Suggestion(len(self._suggestions), dict(point), signature)
        self._write(suggestion)
        return suggestion

    def add_rung(self, number: int, iteration: int, rung: Rung) -> Suggestion:
        """Record that a trial has reached a rung, and the decision. A rung that is recorded already stays as it is."""
        suggestion = self._suggestions[number]
        if iteration not in suggestion.rungs:
            suggestion = replace(suggestion, rungs={**suggestion.rungs, iteration: rung})
            self._write(suggestion)
        return suggestion

    def at_rung(self, iteration: int) -> list[Rung]:
        """The rungs recorded at an iteration, in the order of suggestion."""
        return [suggestion.rungs[iteration] for suggestion in self if iteration in suggestion.rungs]

    def _write(self, suggestion: Suggestion) -> None:
        points = {**self._suggestions, suggestion.number: suggestion}
        write_json(
            self.path,
            {"search": self.declared, "points": [asdict(points[number]) for number in sorted(points)]},
        )
        self._suggestions = points

    def _load(self) -> list[Suggestion]:
        try:
            saved = json.loads(self.path.read_bytes())
            points = [
                Suggestion(
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
                remedy="move it away and run again: the same points are suggested, and those with finished trials cost nothing",
            ) from error
        if declared != json.loads(json.dumps(self.declared)) or [p.number for p in points] != list(
            range(len(points))
        ):
            raise UnusableFileError(
                f"{self.path} belongs to another search", remedy="move it away and run again"
            )
        return points
