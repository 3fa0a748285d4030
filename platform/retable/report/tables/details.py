"""Details of a table's cells as text: each number with its seeds, source, cost and provenance."""

from collections.abc import Hashable, Mapping

import pandas as pd

from retable.report.results.numbers import measured, signed

Cell = Mapping[Hashable, object]

HEADINGS = (
    "row",
    "column",
    "value",
    "seeds",
    "published",
    "difference",
    "GPU-hours",
    "peak memory",
    "GFLOPs",
    "MLflow runs",
    "commit",
)
SHORT = 8  # hex digits of a commit or a run that are shown


def details(tidy: pd.DataFrame) -> pd.DataFrame:
    """Details of the cells, one line for each line of `retable.report.tables.tidy.cells_frame`.

    Returns:
        Frame of texts with the columns of `HEADINGS`; empty columns are left out, except for the first three.
    """
    lines = [_line(record) for record in tidy.astype(object).where(tidy.notna(), None).to_dict("records")]
    frame = pd.DataFrame(lines, columns=list(HEADINGS), dtype="string")
    return frame[[name for name in HEADINGS if frame[name].ne("").any() or name in HEADINGS[:3]]]


def _line(cell: Cell) -> list[str]:
    value, published = _number(cell, "value"), _number(cell, "published")
    difference = _number(cell, "difference")
    shown = "" if value is None else measured(value, _number(cell, "std_repeats"), _number(cell, "std_seeds"))
    return [
        _text(cell, "row"),
        _text(cell, "column"),
        shown if cell["state"] in ("done", "quoted") else f"{shown} [{cell['state']}]".strip(),
        _text(cell, "n_seeds"),
        "" if published is None else _published(published, cell),
        _text(cell, "why_no_difference")
        if difference is None or value is None
        else signed(difference, value),
        _hours(cell),
        _unit(_number(cell, "peak_memory_mb"), "MiB"),
        _unit(_number(cell, "gflops"), ""),
        " ".join(run[:SHORT] for run in _text(cell, "mlflow_runs").split()),
        " ".join(dict.fromkeys(_commit(commit) for commit in _text(cell, "commits").split())),
    ]


def _published(value: float, cell: Cell) -> str:
    sources = (_text(cell, "published_source"), _text(cell, "published_note"))
    return f"{measured(value, _number(cell, 'published_std'))} ({'; '.join(filter(None, sources))})"


def _hours(cell: Cell) -> str:
    hours, seconds = _number(cell, "gpu_hours"), _number(cell, "worker_seconds")
    if hours is not None:
        return f"{hours:.2f}"
    return "" if seconds is None else f"none; CPU {seconds / 3600:.2f}"


def _commit(commit: str) -> str:
    bare, dash, dirty = commit.partition("-")
    return bare[:SHORT] + dash + dirty


def _unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.0f} {unit}".strip()


def _number(cell: Cell, name: str) -> float | None:
    value = cell[name]
    return float(value) if isinstance(value, int | float) else None


def _text(cell: Cell, name: str) -> str:
    return "" if cell[name] is None else str(cell[name])
