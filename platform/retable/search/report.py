"""The report of a search: its points, their Pareto front, the best point of each objective, and importances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich import box
from rich.table import Table
from rich.text import Text

from retable.io.files import replacing, write_text
from retable.metrics.protocol import Protocol, higher_is_better
from retable.report.formats.escape import markdown_text, plain_text
from retable.report.formats.export import to_csv
from retable.report.plots.bars import COLOURS, Panel, draw_bars
from retable.report.results.load import Result
from retable.report.results.numbers import measured
from retable.search.history import Suggestion


@dataclass(frozen=True)
class PointResult:
    """One suggested point and its result.

    Attributes:
        cell: label of the point's cell.
        suggestion: the point, its trial and its rungs.
        result: result of its trial.
        values: score by objective; empty unless the trial is done.
    """

    cell: str
    suggestion: Suggestion
    result: Result
    values: Mapping[str, float]

    @property
    def state(self) -> str:
        """``done``, ``pruned``, or the state in the ledger."""
        return "pruned" if self.suggestion.pruned_at is not None else self.result.state

    @property
    def protocols(self) -> dict[str, str]:
        """Protocol by metric family."""
        return {Protocol.parse(name).family: name for name in self.result.scores}


@dataclass(frozen=True)
class SearchReport:
    """One search, ready to be printed or exported.

    Attributes:
        importances: share of each dimension in each objective's variance, by objective, then by dimension; empty with too few
            points.
        notes: notes below the table.
    """

    number: str
    title: str
    objectives: tuple[str, ...]
    dimensions: tuple[str, ...]
    points: tuple[PointResult, ...]
    importances: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]

    @property
    def front(self) -> list[PointResult]:
        """The Pareto front over all cells: the points that no other point dominates."""
        done = [point for point in self.points if point.values]
        return [point for point in done if not any(self._dominates(other, point) for other in done)]

    def best(self, objective: str, cell: str | None = None) -> PointResult | None:
        """The point with the best score of an objective (the first of equals), of one cell or of all."""
        return best_point([p for p in self.points if cell in (None, p.cell)], objective)

    def frame(self) -> pd.DataFrame:
        """The points as a data frame, in the order of suggestion, cell by cell."""
        front = {id(point) for point in self.front}
        marks = {objective: self.best(objective) for objective in self.objectives}
        lines = [
            {
                "cell": point.cell,
                "number": point.suggestion.number,
                **{f"params.{name}": point.suggestion.point[name] for name in self.dimensions},
                **{objective: point.values.get(objective) for objective in self.objectives},
                "state": point.state,
                "pruned_at": point.suggestion.pruned_at,
                "pareto": id(point) in front,
                "best_of": " ".join(name for name, best in marks.items() if best is point) or None,
                "signature": point.suggestion.signature,
                **{f"protocol.{name}": point.protocols.get(name) for name in self.objectives},
                "wall_seconds": point.result.wall_seconds,
                "note": point.result.note or None,
            }
            for point in self.points
        ]
        texts = ["cell", "state", "best_of", "signature", "note", *(f"protocol.{o}" for o in self.objectives)]
        numbers = [*self.objectives, "wall_seconds"]
        columns = ["cell", "number", *(f"params.{name}" for name in self.dimensions), *self.objectives]
        columns += ["state", "pruned_at", "pareto", "best_of", "signature"]
        columns += [*(f"protocol.{o}" for o in self.objectives), "wall_seconds", "note"]
        frame = pd.DataFrame(lines, columns=columns, dtype=object)
        kinds = {"number": "Int64", "pruned_at": "Int64", "pareto": "boolean"}
        return frame.astype(kinds | dict.fromkeys(texts, "string") | dict.fromkeys(numbers, "Float64"))

    def texts(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of text: the front first, then the other points in the order of suggestion."""
        front = self.front
        rows = []
        for point in sorted(self.points, key=lambda p: not any(p is one for one in front)):
            best = [name for name in self.objectives if self.best(name) is point]
            remark = ["Pareto"] * any(point is one for one in front) + [
                f"best {name.upper()}" for name in best
            ]
            rows.append(
                [
                    f"{point.cell} #{point.suggestion.number}",
                    *(_short(point.suggestion.point[name]) for name in self.dimensions),
                    *(measured(point.values[o]) if o in point.values else "" for o in self.objectives),
                    point.state
                    if point.suggestion.pruned_at is None
                    else f"pruned at {point.suggestion.pruned_at}",
                    ", ".join(remark),
                    point.suggestion.signature,
                ]
            )
        names = [name.upper() for name in self.objectives]
        return ["", *self.dimensions, *names, "state", "", "signature"], rows

    def rendered(self) -> Table:
        """The table for a terminal."""
        headings, rows = self.texts()
        caption = Text("\n".join(map(plain_text, self.notes)), style="dim")
        table = Table(
            title=Text(self.title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, caption=caption
        )
        table.caption_justify = "left"
        for heading in headings:
            table.add_column(Text(heading), overflow="fold")
        for row in rows:
            table.add_row(*(Text(plain_text(text)) for text in row))
        return table

    def markdown(self) -> str:
        """The table as GitHub's Markdown, with the best of each objective and the notes."""
        headings, rows = self.texts()
        lines = [f"**{markdown_text(self.title)}**", "", _line(headings), "|" + " --- |" * len(headings)]
        lines += [*map(_line, rows), "", *(f"- {markdown_text(note)}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def export(self, folder: Path) -> list[Path]:
        """Write ``<number>.csv`` and ``.md``, and plots of the front and of the importances if there are any.

        Returns:
            The paths written.
        """
        written = [folder / f"{self.number}.csv", folder / f"{self.number}.md"]
        write_text(written[0], to_csv(self.frame()))
        write_text(written[1], self.markdown())
        if len(self.objectives) > 1 and self.front:
            written.append(self._draw_front(folder / f"{self.number}_pareto.png"))
        if any(self.importances.values()):
            panels = [
                Panel(
                    f"importance for {name.upper()}",
                    "share",
                    tuple(shares),
                    {"fANOVA": list(shares.values())},
                )
                for name, shares in self.importances.items()
                if shares
            ]
            written += draw_bars(panels, folder / f"{self.number}_importance")
        return written

    def _draw_front(self, path: Path) -> Path:
        """Plot the first two objectives of every finished point; rings mark the front."""
        first, second, *_ = self.objectives
        figure = Figure(figsize=(6, 4.5), layout="constrained")
        axis = figure.subplots()
        for at, cell in enumerate(dict.fromkeys(point.cell for point in self.points)):
            points = [point for point in self.points if point.cell == cell and point.values]
            places = [p.values[first] for p in points], [p.values[second] for p in points]
            axis.scatter(*places, s=24, color=COLOURS[at % len(COLOURS)], label=cell)
            for point in points:
                text = " ".join(_short(point.suggestion.point[name]) for name in self.dimensions)
                axis.annotate(
                    text,
                    (point.values[first], point.values[second]),
                    (4, 4),
                    textcoords="offset points",
                    fontsize=7,
                )
        ringed = [p.values[first] for p in self.front], [p.values[second] for p in self.front]
        axis.scatter(*ringed, s=90, facecolors="none", edgecolors="black", label="Pareto front")
        for name, label in ((first, axis.set_xlabel), (second, axis.set_ylabel)):
            label(f"{name.upper()} ({'higher' if higher_is_better(name) else 'lower'} is better)")
        axis.legend(fontsize=7)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=150, metadata={"Creation Time": None})
        return path

    def _dominates(self, one: PointResult, other: PointResult) -> bool:
        better = [_signed(one, name) - _signed(other, name) for name in self.objectives]
        return min(better) >= 0 and max(better) > 0


def best_point(points: Sequence[PointResult], objective: str) -> PointResult | None:
    """The done point with the best score of an objective, the first of equals; None if none is done."""
    done = [point for point in points if objective in point.values]
    return max(done, key=lambda point: _signed(point, objective)) if done else None


def _signed(point: PointResult, objective: str) -> float:
    return point.values[objective] if higher_is_better(objective) else -point.values[objective]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_text, texts)) + " |"
