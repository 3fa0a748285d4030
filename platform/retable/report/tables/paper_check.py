"""Check of claims by the paper's own numbers."""

from dataclasses import dataclass
from typing import Any

from retable.metrics.protocol import higher_is_better
from retable.study.claims import Claim, Comparison, Place
from retable.study.study import Study


@dataclass(frozen=True)
class PaperCheck:
    """Check of a claim by the paper's own numbers.

    Attributes:
        held: number of comparisons that the numbers agree with.
        failed: texts of the comparisons that the numbers contradict.
        unstated: number of comparisons with a missing number.
    """

    held: int
    failed: tuple[str, ...] = ()
    unstated: int = 0

    @property
    def holds(self) -> bool | None:
        """True if the numbers contradict no comparison; None if the paper has no numbers for any."""
        return None if not self.held and not self.failed else not self.failed

    def __str__(self) -> str:
        if self.holds is None:
            return "no numbers"
        given = f" ({self.unstated} of {self.held + len(self.failed) + self.unstated} not given)"
        text = f"fails at {len(self.failed)}: {'; '.join(self.failed)}" if self.failed else "holds"
        return text + given * bool(self.unstated)


def check_paper(study: Study[Any], claim: Claim) -> PaperCheck:
    """Check a claim by the published values of the study's tables; their spreads are not used."""
    scale = next(iter(study.scales.values()))
    tables = {cell.table for cell in claim.cells()}
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
    """1 if more is better in the comparison's metric, -1 if less is."""
    return 1 if higher_is_better(study.metric(comparison.terms[0][0])) else -1
