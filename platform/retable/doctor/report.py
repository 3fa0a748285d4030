"""Findings as a table for people and as data for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retable.doctor.finding import Finding, worst

STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}


def rendered(findings: Sequence[Finding]) -> RenderableType:
    """A table with a row for each finding. A finding that several nodes share is one row."""
    rows = Table(box=None, pad_edge=False)
    for heading in ("", "check", "found", "what to do"):
        rows.add_column(heading, overflow="fold")
    groups: dict[Finding, list[str]] = {}
    for finding in findings:
        groups.setdefault(replace(finding, node=""), []).append(finding.node)
    several = len({finding.node for finding in findings if finding.node}) > 1
    for finding, nodes in groups.items():
        where = Text(f"\n{', '.join(nodes)}" if several and any(nodes) else "", style="dim")
        rows.add_row(
            Text(finding.verdict, style=STYLES[finding.verdict]),
            Text(finding.check),
            Text(finding.found) + where,
            Text(finding.advice),
        )
    return Group(rows, "", summary(findings))


def summary(findings: Sequence[Finding]) -> Text:
    """The number of findings of each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    texts = [
        f"{counts['ok']} ok",
        _counted(counts["warning"], "warning"),
        _counted(counts["failure"], "failure"),
    ]
    return Text(", ".join(texts), style=STYLES[worst(findings)])


def to_json(findings: Sequence[Finding]) -> dict[str, object]:
    """``verdict`` of all findings, and ``findings`` with check, verdict, found, advice and node."""
    return {"verdict": worst(findings), "findings": [asdict(finding) for finding in findings]}


def from_json(value: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings in the value of `to_json`."""
    return tuple(Finding(**finding) for finding in value["findings"])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
