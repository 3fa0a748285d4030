"""Designs of ablations: functions that make the rows of a table from a config. Pure data.

A change is a function of the config, `lambda config: replace(config, S1=False)`, instead of a name and a value, so that
mypy finds a misspelt field and a value of the wrong type.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import pairwise, product

from retable.study.changes import changes, changes_text
from retable.study.table import Row
from retable.trial.config import C

Change = Callable[[C], C]
"""A level of a factor: config -> the config with that level."""


def full(base: C, *factors: Mapping[str, Change[C]]) -> tuple[Row[C], ...]:
    """Full factorial design: every combination of levels; the levels of the last factor change fastest.

    Args:
        base: the config that all rows start from.
        factors: for each factor, label of a level -> its change; `retable.study.table.unchanged` for the level of `base`.

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
    """Leave-one-out design: the full model, then one row for each component without which it is trained.

    Args:
        base: the full model.
        off: name of a component -> the change that removes it.
        label: label of the row of `base`.

    Raises:
        ValueError: a row is not a valid config.
    """
    rows = (Row(f"without {name}", _apply(base, [name], [change])) for name, change in off.items())
    return (Row(label, base), *rows)


def add_one_in(base: C, on: Mapping[str, Change[C]], *, label: str = "Base") -> tuple[Row[C], ...]:
    """Add-one-in design: the baseline, then one row for each component that is added to it alone.

    Args:
        base: the baseline.
        on: name of a component -> the change that adds it.
        label: label of the row of `base`.

    Raises:
        ValueError: a row is not a valid config.
    """
    rows = (Row(f"with {name}", _apply(base, [name], [change])) for name, change in on.items())
    return (Row(label, base), *rows)


def path(*stops: C, label: str = "Start") -> tuple[Row[C], ...]:
    """Path from one config to another that changes one field a row, in the order of their declaration.

    A field that has no effect yet, or would make the config invalid, is changed after the others. Each row is another
    trial than the row before it.

    Args:
        stops: the first and the last config, with configs between them that the path must contain.
        label: label of the first row. The others are labelled with their change.

    Raises:
        ValueError: there are fewer than two stops, or some fields can only be changed together. Then give a stop that
            has both changes.
    """
    if len(stops) < 2:
        raise ValueError(f"a path needs at least two configs, but got {len(stops)}")
    rows = [Row(label, stops[0])]
    for start, end in pairwise(stops):
        last = start
        for step in _steps(start, end):
            rows.append(Row(changes_text(changes(last, step)), step))
            last = step
    return tuple(rows)


def _steps(start: C, end: C) -> Iterator[C]:
    """Configs after `start`, up to one that equals `end` in canonical form."""
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
        now = step or valid[0]  # a field without effect alone makes no row; it is in the next one


def _apply(base: C, labels: Sequence[str], steps: Sequence[Change[C]]) -> C:
    """The config after all these changes; `labels` name the row in an error."""
    config = base
    try:
        for step in steps:
            config = step(config)
    except ValueError as error:
        raise ValueError(f"the row {', '.join(labels)!r} is not a valid config: {error}") from error
    return config
