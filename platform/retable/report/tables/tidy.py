"""Tidy frame of a study's cells: one line for each cell and protocol."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from retable.planning.plan import Plan
from retable.report.results.cells import FilledCell
from retable.trial.config import C

DTYPES = {
    "study": "string",
    "scale": "string",
    "table": "string",
    "row": "string",
    "column": "string",
    "metric": "string",
    "protocol": "string",
    "state": "string",
    "value": "Float64",
    "std_seeds": "Float64",
    "std_repeats": "Float64",
    "n_seeds": "Int64",
    "published": "Float64",
    "published_std": "Float64",
    "published_source": "string",
    "published_note": "string",
    "difference": "Float64",
    "why_no_difference": "string",
    "seeds": "string",
    "best_snapshots": "string",
    "wall_seconds": "Float64",
    "worker_seconds": "Float64",
    "gpu_hours": "Float64",
    "peak_memory_mb": "Float64",
    "gflops": "Float64",
    "signatures": "string",
    "mlflow_runs": "string",
    "commits": "string",
    "notes": "string",
}


def cells_frame(plan: Plan[C], cells: Iterable[FilledCell[C]]) -> pd.DataFrame:
    """Make a tidy frame of the cells.

    A cell without a score has no value, and its ``state`` says why. A cell whose seeds were evaluated under several
    protocols has one line for each of them.

    Returns:
        Columns as in `DTYPES`, then ``params.<label>`` for each config label. ``std_seeds`` is the sample standard
        deviation over training seeds, ``std_repeats`` the standard deviation over evaluation repeats (of KID, over its
        subsets). ``seeds``, ``best_snapshots``, ``signatures``, ``mlflow_runs`` and ``commits`` have one entry for each
        seed of the plan, separated by spaces. ``wall_seconds``, ``worker_seconds`` and ``gpu_hours`` are sums over the
        cell's trials; ``peak_memory_mb`` (MiB of one GPU) is their maximum; ``gflops`` are the 10⁹ multiply-accumulates
        of one update.
    """
    lines = [line for cell in cells for line in _lines(plan, cell)]
    frame = pd.DataFrame(lines, dtype=object)  # else pandas makes floats of ints if a row lacks the label
    labels = [name for name in frame.columns if name not in DTYPES]
    frame = frame.reindex(columns=[*DTYPES, *labels])
    return frame.astype({**DTYPES, **{name: _dtype(frame[name].dropna()) for name in labels}})


def _lines(plan: Plan[C], filled: FilledCell[C]) -> Iterator[dict[str, Any]]:
    cell, outcomes = filled.cell, filled.outcomes
    notes = (cell.obstacle, *(outcome.note for outcome in outcomes))
    common = {
        "study": plan.study.name,
        "scale": plan.scale.name,
        "table": cell.table,
        "row": cell.row,
        "column": cell.column,
        "metric": cell.metric,
        "state": filled.state,
        "published": cell.published and cell.published.value,
        "published_std": cell.published and cell.published.std,
        "published_source": f"{plan.study.paper}, table {cell.table}" if cell.published else None,
        "published_note": (cell.published and cell.published.note) or None,
        "difference": filled.difference,
        "why_no_difference": filled.why_no_difference or None,
        "seeds": " ".join(str(seed) for seed in plan.seeds),
        "best_snapshots": " ".join("-" if o.iteration is None else str(o.iteration) for o in outcomes),
        "wall_seconds": _total([o.wall_seconds for o in outcomes]),
        "worker_seconds": _total([o.worker_seconds for o in outcomes]),
        "gpu_hours": _total([o.gpu_hours for o in outcomes]),
        "peak_memory_mb": max(
            (o.peak_memory_mb for o in outcomes if o.peak_memory_mb is not None), default=None
        ),
        "gflops": next((o.gflops for o in outcomes if o.gflops is not None), None),
        "signatures": " ".join(o.signature for o in outcomes),
        "mlflow_runs": _by_seed([o.mlflow_run for o in outcomes]),
        "commits": _by_seed([o.commit for o in outcomes]),
        "notes": "; ".join(dict.fromkeys(note for note in notes if note)) or None,
    }
    if cell.config is not None:
        common |= {f"params.{name}": label for name, label in cell.config.labels().items()}
    for protocol, summary in filled.summaries.items():
        yield {**common, "protocol": protocol, **asdict(summary)}
    if not filled.summaries:
        yield common


def _total(seconds: Sequence[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return sum(known) if known else None


def _by_seed(texts: Sequence[str]) -> str | None:
    """One entry for each seed; a dash if it is not known."""
    return " ".join(text or "-" for text in texts) if any(texts) else None


def _dtype(labels: Iterable[object]) -> str:
    """Nullable dtype for the values of a label."""
    kinds = {type(label) for label in labels}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    return "Float64" if kinds in ({float}, {int, float}) else "string"
