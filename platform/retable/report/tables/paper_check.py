"""A claim against the numbers that the paper itself prints."""

from dataclasses import dataclass
from typing import Any

from retable.metrics.protocol import higher_is_better
from retable.study.claims import Claim, Comparison, Place
from retable.study.study import Study


@dataclass(frozen=True)
class PaperCheck:
    """A claim against the numbers that the paper itself prints.

    Attributes:
        held: comparisons that its numbers agree with.
        failed: those that they contradict, in words.
        unstated: how many have a number missing.
    """

    held: int
    failed: tuple[str, ...] = ()
    unstated: int = 0

    @property
    def holds(self) -> bool | None:
        """None where the paper has no numbers for any of it."""
        return None if not self.held and not self.failed else not self.failed

    def __str__(self) -> str:
        if self.holds is None:
            return "no numbers"
        given = f" ({self.unstated} of {self.held + len(self.failed) + self.unstated} not given)"
        told = f"fails at {len(self.failed)}: {'; '.join(self.failed)}" if self.failed else "holds"
        return told + given * bool(self.unstated)


def check_paper(study: Study[Any], claim: Claim) -> PaperCheck:
    """A claim against the published numbers of the study's tables, of which it takes the values alone."""
    scale = next(iter(study.scales.values()))
    tables = {place.table for place in claim.cells()}
    cells = (cell for number in tables for cell in study.cells(study.table(number), scale))
    values = {
        Place(cell.table, cell.row, cell.column): cell.published.value if cell.published else None
        for cell in cells
    }
    held, failed, unstated = 0, [], 0
    for comparison in claim.holds:
        terms = [(values[place], weight) for place, weight in comparison.terms]
        known = [value * weight for value, weight in terms if value is not None]
        if len(known) < len(terms):
            unstated += 1
        elif sign_of(study, comparison) * sum(known) > 0:
            held += 1
        else:
            failed.append(comparison.text)
    return PaperCheck(held, tuple(failed), unstated)


def sign_of(study: Study[Any], comparison: Comparison) -> int:
    """1 where more is better in the comparison's metric, -1 where less is."""
    return 1 if higher_is_better(study.metric(comparison.terms[0][0])) else -1
