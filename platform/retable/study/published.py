"""Published numbers of a paper, read from a tidy CSV: one number a line, with the configuration that it belongs to."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from retable.trial.identity import Label

NOT_CONDITIONS = {"table", "model", "gpus", "metric", "value", "std", "note"}


@dataclass(frozen=True)
class PublishedNumber:
    """Published number of a cell. `value` is None if the paper has none; `note` then says why."""

    value: float | None
    std: float | None
    note: str


@dataclass(frozen=True)
class Published:
    """All published numbers of one paper."""

    lines: tuple[Mapping[str, str], ...]

    @staticmethod
    @lru_cache
    def load(path: Path) -> "Published":
        """Read the CSV.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file lacks a required column.
        """
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {"table", "model", "metric", "value", "std", "note"} - set(reader.fieldnames or ())
            if missing:
                raise ValueError(
                    f"{path} must have the columns {sorted(missing)}, but has {reader.fieldnames}"
                )
            return Published(tuple(reader))

    def find(
        self, table: str, metric: str, model: str, labels: Mapping[str, Label]
    ) -> PublishedNumber | None:
        """Number of that table, metric and model whose conditions agree with the labels; None if there is none.

        A condition that is empty in the line, or that is not among the labels, is not compared.

        Raises:
            ValueError: several lines match; the study must give the row or column a `model`.
        """
        found = [
            line
            for line in self.lines
            if (line["table"], line["metric"], line["model"]) == (table, metric, model)
            and all(
                _number(text) == _number(labels[key])
                for key, text in line.items()
                if key not in NOT_CONDITIONS and text and key in labels
            )
        ]
        if len(found) > 1:
            raise ValueError(
                f"table {table}, {metric}, {model!r} with {dict(labels)} has {len(found)} published numbers; "
                "give the row or column a `model` that distinguishes them"
            )
        if not found:
            return None
        line = found[0]
        return PublishedNumber(_optional(line["value"]), _optional(line["std"]), line["note"])


def _number(value: Label) -> float | str:
    try:
        return float(value)
    except ValueError:
        return str(value)


def _optional(text: str) -> float | None:
    return float(text) if text else None
