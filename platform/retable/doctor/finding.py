"""The finding of a check: its verdict, the facts, and advice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

Verdict = Literal["ok", "warning", "failure"]
VERDICTS: tuple[Verdict, ...] = ("ok", "warning", "failure")
"""From good to bad."""


@dataclass(frozen=True)
class Finding:
    """One check's finding on one machine, or on the whole cluster.

    Attributes:
        check: name of the check, such as ``free disk``.
        found: the facts, with numbers and units.
        advice: remedy; empty if all is well.
        node: name of the host; empty for a finding on the whole cluster.
    """

    check: str
    verdict: Verdict
    found: str
    advice: str = ""
    node: str = ""

    def on(self, node: str) -> "Finding":
        """The same finding, with its node."""
        return replace(self, node=node)


def ok(check: str, found: str) -> Finding:
    """A finding that all is well."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, advice: str) -> Finding:
    """A finding that training works, but slower, or only up to a size."""
    return Finding(check, "warning", found, advice)


def failure(check: str, found: str, advice: str) -> Finding:
    """A finding that training would not work."""
    return Finding(check, "failure", found, advice)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict among the findings; ``ok`` if there are none."""
    return max((finding.verdict for finding in findings), key=VERDICTS.index, default="ok")


def run_check(name: str, check: Callable[[], Finding]) -> Finding:
    """Run a check. A check that raises is a finding too."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001  (the doctor goes on to the next check, whatever happens in this one)
        reason = f"{type(error).__name__}: {error}".strip()
        return failure(
            name, f"the check itself failed with {reason}", "fix this error and run the doctor again"
        )
