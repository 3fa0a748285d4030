"""Designs of ablations: functions that make the rows of a table from a config. Pure data.

A change is a function of the config, `lambda config: replace(config, S1=False)`, not a name and a value: mypy then
catches a field that is misspelt or has another type.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import pairwise, product

from retable.study.changes import changes, in_words
from retable.study.table import Row
from retable.trial.config import C

Change = Callable[[C], C]
"""What a factor does to a config."""


def full(base: C, *factors: Mapping[str, Change[C]]) -> tuple[Row[C], ...]:
    """Every combination of one level of each factor, the last factor's levels changing fastest.

    Args:
        base: the config that all start from.
        factors: for each, label -> what that level changes; `retable.study.table.unchanged` for base's own.

    Raises:
        ValueError: a combination is not a valid config.
    """
    return tuple(
        Row(
            ", ".join(labels),
            _apply(base, labels, [levels[label] for levels, label in zip(factors, labels, strict=True)]),
        )
        for labels in product(*factors)
    )


def leave_one_out(base: C, off: Mapping[str, Change[C]], *, label: str = "Full") -> tuple[Row[C], ...]:
    """The whole model, then one row for each part that is taken away alone.

    Args:
        base: the whole model.
        off: name of a part -> what takes it away.
        label: of base's row.

    Raises:
        ValueError: a row is not a valid config.
    """
    rows = (Row(f"without {name}", _apply(base, [name], [change])) for name, change in off.items())
    return (Row(label, base), *rows)


def add_one_in(base: C, on: Mapping[str, Change[C]], *, label: str = "Base") -> tuple[Row[C], ...]:
    """The bare model, then one row for each part that is added alone.

    Args:
        base: the bare model.
        on: name of a part -> what adds it.
        label: of base's row.

    Raises:
        ValueError: a row is not a valid config.
    """
    rows = (Row(f"with {name}", _apply(base, [name], [change])) for name, change in on.items())
    return (Row(label, base), *rows)


def path(*stops: C, label: str = "Start") -> tuple[Row[C], ...]:
    """From one config to another, one field a row, in the order in which the fields are declared.

    A field that would change nothing yet, or would make the config invalid, waits for the others; each row is another
    trial than the one before it.

    Args:
        stops: the two ends; configs between them are passed through.
        label: of the first row. The others are labelled with what changed.

    Raises:
        ValueError: there are fewer than two stops, or fields can only be changed together: give a stop with both.
    """
    if len(stops) < 2:
        raise ValueError(f"a path has two ends at least, but got {len(stops)} config(s)")
    rows = [Row(label, stops[0])]
    for start, end in pairwise(stops):
        last = start
        for step in _steps(start, end):
            rows.append(Row(in_words(changes(last, step)), step))
            last = step
    return tuple(rows)


def _steps(start: C, end: C) -> Iterator[C]:
    """The configs after `start`, up to one that is `end` in canonical form."""
    now = start
    while changes(now, end):
        valid, refusals = [], []
        for field in fields(end):
            value = getattr(end, field.name)
            if getattr(now, field.name) != value:
                try:
                    valid.append(replace(now, **{field.name: value}))
                except ValueError as error:
                    refusals.append(f"{field.name} = {value}: {error}")
        if not valid:
            raise ValueError(
                f"fields on this path can't be changed one at a time ({'; '.join(refusals)}); give path a config between "
                "its ends that changes them together"
            )
        step = next((one for one in valid if changes(now, one)), None)
        if step is not None:
            yield step
        now = step or valid[0]  # a field that does nothing alone is no row: it shows with the next


def _apply(base: C, labels: Sequence[str], steps: Sequence[Change[C]]) -> C:
    config = base
    try:
        for step in steps:
            config = step(config)
    except ValueError as error:
        raise ValueError(f"the row {', '.join(labels)!r} is not a valid config: {error}") from error
    return config
