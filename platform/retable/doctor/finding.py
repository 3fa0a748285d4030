"""What a check says: whether all is well, what was found, and what to do about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

Verdict = Literal["ok", "warning", "failure"]
VERDICTS: tuple[Verdict, ...] = ("ok", "warning", "failure")
"""From good to bad."""


@dataclass(frozen=True)
class Finding:
    """One check's word on one machine, or on the cluster as a whole.

    Attributes:
        check: what was looked at, such as ``free disk``.
        found: what is there, with its numbers and units.
        advice: what to do; empty if all is well.
        node: host that it was found on; empty for what concerns no single one.
    """

    check: str
    verdict: Verdict
    found: str
    advice: str = ""
    node: str = ""

    def on(self, node: str) -> "Finding":
        """The same, found on that node."""
        return replace(self, node=node)


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, advice: str) -> Finding:
    """Training works, but slower, or only up to a size."""
    return Finding(check, "warning", found, advice)


def failure(check: str, found: str, advice: str) -> Finding:
    """Training would not work."""
    return Finding(check, "failure", found, advice)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict among them; ``ok`` if there is none."""
    return max((finding.verdict for finding in findings), key=VERDICTS.index, default="ok")


def told(check: str, look: Callable[[], Finding]) -> Finding:
    """What a check finds; a check that breaks has found something too."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  (the doctor goes on to the next check, whatever this one met)
        reason = f"{type(error).__name__}: {error}".strip()
        return failure(check, f"the check itself failed with {reason}", "mend what it names and look again")
