"""Table of the verdicts on a study's claims."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from retable.metrics.protocol import in_print
from retable.planning.plan import Plan
from retable.report.results.numbers import signed
from retable.report.results.statistics import ALPHA, POWER
from retable.report.results.table import CellText, WideTable
from retable.report.tables.claims import ClaimVerdict

COLUMNS = ("by the paper's numbers", "by ours", "effect that it hangs on")
DTYPES = {
    "study": "string",
    "scale": "string",
    "place": "string",
    "claim": "string",
    "paper": "string",
    "verdict": "string",
    "why": "string",
    "comparisons": "Int64",
    "comparison": "string",
    "metric": "string",
    "effect": "Float64",
    "low": "Float64",
    "high": "Float64",
    "std_seeds": "Float64",
    "p_holm": "Float64",
    "n_seeds": "Int64",
    "seeds": "string",
    "seeds_to_decide": "Int64",
}


def verdict_table(plan: Plan[Any], verdicts: Sequence[ClaimVerdict]) -> WideTable:
    """Table with a row for each claim: check by the paper's own numbers, our verdict, and the effect."""
    scale = plan.scale.name
    return WideTable(
        number="claims",
        title=f"Claims of the paper, and what was found here [{scale} scale]",
        columns=COLUMNS,
        rows={f"{one.claim.place} {one.claim.says}": _texts(one) for one in verdicts},
        notes=tuple(_notes(plan, verdicts)),
        tidy=pd.DataFrame([_line(plan, one) for one in verdicts], columns=list(DTYPES)).astype(DTYPES),
    )


def interval(size_low: float | None, size_high: float | None, value: float) -> str:
    """Text of an interval, such as `` [9.20, 11.00]``, with the decimals of `value`; empty for one seed."""
    if size_low is None or size_high is None:
        return ""
    return f" [{signed(size_low, value)}, {signed(size_high, value)}]"


def _texts(one: ClaimVerdict) -> tuple[CellText, ...]:
    effect = CellText()
    if one.effect is not None:
        size = one.effect.size
        value = f"{in_print(one.effect.metric)} {signed(size.mean, size.mean)}{interval(size.low, size.high, size.mean)}"
        effect = CellText(value, one.effect.text, "" if one.p is None else f"p = {one.p:.2g} (Holm)")
    return CellText(str(one.paper)), CellText(one.verdict, one.why.removeprefix("not comparable: ")), effect


def _notes(plan: Plan[Any], verdicts: Sequence[ClaimVerdict]) -> list[str]:
    seeds = ", ".join(map(str, plan.seeds))
    notes = [f"Verdicts are on {plan.scale.name} scale and {plan.scale.data} data, training seeds: {seeds}."]
    if not plan.scale.comparable:
        notes.append("They are about models of that size, not about the paper's.")
    if not any(one.effect for one in verdicts):
        return notes
    notes.append(
        "An effect is that of the comparison that goes least the claim's way; positive agrees with the claim."
    )
    if any(one.p is not None for one in verdicts):
        notes.append(
            f"[ ] is the {1 - ALPHA:.0%} bootstrap interval over seeds, too narrow for few of them; the verdict is by "
            f"paired t tests at {ALPHA:.0%}, corrected by Holm over the claims."
        )
        notes.append(
            f"Seeds that would decide: for power {POWER:.0%}, were the differences normal with the mean and spread seen."
        )
    return notes


def _line(plan: Plan[Any], one: ClaimVerdict) -> dict[str, object]:
    line: dict[str, object] = {
        "study": plan.study.name,
        "scale": plan.scale.name,
        "place": one.claim.place,
        "claim": one.claim.says,
        "paper": str(one.paper),
        "verdict": one.verdict,
        "why": one.why or None,
        "comparisons": len(one.claim.holds),
        "p_holm": one.p,
        "seeds_to_decide": one.seeds_to_decide,
    }
    if one.effect is not None:
        size = one.effect.size
        line |= {
            "comparison": one.effect.text,
            "metric": one.effect.metric,
            "effect": size.mean,
            "low": size.low,
            "high": size.high,
            "std_seeds": size.std,
            "n_seeds": size.n_seeds,
            "seeds": " ".join(map(str, one.effect.seeds)),
        }
    return line
