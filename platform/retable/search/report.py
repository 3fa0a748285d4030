"""What a search found: its points, their Pareto front, each objective's best, and what mattered."""

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
from retable.search.history import Suggested


@dataclass(frozen=True)
class FoundPoint:
    """One point of a search and what became of it.

    Attributes:
        cell: label of the cell that it was asked for.
        values: objective -> score, where its trial is done.
    """

    cell: str
    asked: Suggested
    result: Result
    values: Mapping[str, float]

    @property
    def state(self) -> str:
        """``done``, ``pruned``, or what the ledger says."""
        return "pruned" if self.asked.pruned_at is not None else self.result.state

    @property
    def protocols(self) -> dict[str, str]:
        """Metric family -> by what it was measured."""
        return {Protocol.parse(name).family: name for name in self.result.scores}


@dataclass(frozen=True)
class SearchReport:
    """One search, ready to be printed or exported.

    Attributes:
        shares: objective -> dimension -> its share in the objective's spread; empty where there are too few points.
        notes: what a reader needs to know.
    """

    number: str
    title: str
    objectives: tuple[str, ...]
    dimensions: tuple[str, ...]
    found: tuple[FoundPoint, ...]
    shares: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]

    @property
    def front(self) -> list[FoundPoint]:
        """The points that no other one equals or beats in every objective and beats in one, over all cells."""
        done = [point for point in self.found if point.values]
        return [point for point in done if not any(self._dominates(other, point) for other in done)]

    def best(self, objective: str, cell: str | None = None) -> FoundPoint | None:
        """The point with the best score of that objective (the first of equals), of a cell or of all."""
        return best_point([p for p in self.found if cell in (None, p.cell)], objective)

    def frame(self) -> pd.DataFrame:
        """One line for each point, as it was asked, cell by cell."""
        front = {id(point) for point in self.front}
        marks = {objective: self.best(objective) for objective in self.objectives}
        lines = [
            {
                "cell": point.cell,
                "number": point.asked.number,
                **{f"params.{name}": point.asked.point[name] for name in self.dimensions},
                **{objective: point.values.get(objective) for objective in self.objectives},
                "state": point.state,
                "pruned_at": point.asked.pruned_at,
                "pareto": id(point) in front,
                "best_of": " ".join(name for name, best in marks.items() if best is point) or None,
                "signature": point.asked.signature,
                **{f"protocol.{name}": point.protocols.get(name) for name in self.objectives},
                "wall_seconds": point.result.wall_seconds,
                "note": point.result.note or None,
            }
            for point in self.found
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
        """Headings and rows for people: the front first, then the other points as they were asked."""
        front = self.front
        rows = []
        for point in sorted(self.found, key=lambda p: not any(p is one for one in front)):
            best = [name for name in self.objectives if self.best(name) is point]
            remark = ["Pareto"] * any(point is one for one in front) + [
                f"best {name.upper()}" for name in best
            ]
            rows.append(
                [
                    f"{point.cell} #{point.asked.number}",
                    *(_short(point.asked.point[name]) for name in self.dimensions),
                    *(measured(point.values[o]) if o in point.values else "" for o in self.objectives),
                    point.state if point.asked.pruned_at is None else f"pruned at {point.asked.pruned_at}",
                    ", ".join(remark),
                    point.asked.signature,
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
        """The table as GitHub's Markdown, with each objective's best and the notes."""
        headings, rows = self.texts()
        lines = [f"**{markdown_text(self.title)}**", "", _line(headings), "|" + " --- |" * len(headings)]
        lines += [*map(_line, rows), "", *(f"- {markdown_text(note)}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def export(self, folder: Path) -> list[Path]:
        """Write ``<number>.csv`` and ``.md``, and where there is something to draw, the front and the importances.

        Returns:
            The paths written.
        """
        written = [folder / f"{self.number}.csv", folder / f"{self.number}.md"]
        write_text(written[0], to_csv(self.frame()))
        write_text(written[1], self.markdown())
        if len(self.objectives) > 1 and self.front:
            written.append(self._draw_front(folder / f"{self.number}_pareto.png"))
        if any(self.shares.values()):
            panels = [
                Panel(
                    f"what {name.upper()} depended on",
                    "share",
                    tuple(shares),
                    {"fANOVA": list(shares.values())},
                )
                for name, shares in self.shares.items()
                if shares
            ]
            written += draw_bars(panels, folder / f"{self.number}_importance")
        return written

    def _draw_front(self, path: Path) -> Path:
        """The first two objectives of every finished point; the front's are ringed."""
        first, second, *_ = self.objectives
        figure = Figure(figsize=(6, 4.5), layout="constrained")
        axis = figure.subplots()
        for at, cell in enumerate(dict.fromkeys(point.cell for point in self.found)):
            points = [point for point in self.found if point.cell == cell and point.values]
            places = [p.values[first] for p in points], [p.values[second] for p in points]
            axis.scatter(*places, s=24, color=COLOURS[at % len(COLOURS)], label=cell)
            for point in points:
                text = " ".join(_short(point.asked.point[name]) for name in self.dimensions)
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

    def _dominates(self, one: FoundPoint, other: FoundPoint) -> bool:
        better = [_signed(one, name) - _signed(other, name) for name in self.objectives]
        return min(better) >= 0 and max(better) > 0


def best_point(points: Sequence[FoundPoint], objective: str) -> FoundPoint | None:
    """The done point with the best score of an objective, the first of equals; None if none is done."""
    done = [point for point in points if objective in point.values]
    return max(done, key=lambda point: _signed(point, objective)) if done else None


def _signed(point: FoundPoint, objective: str) -> float:
    return point.values[objective] if higher_is_better(objective) else -point.values[objective]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_text, texts)) + " |"
