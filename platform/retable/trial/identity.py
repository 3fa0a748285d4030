"""A config as plain data for its hash: the same on every machine, Python version and order of fields."""

from dataclasses import field, fields, is_dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def option(off: T) -> T:
    """A config's field for something that can be switched on, and its default: `spectral_norm: bool = option(False)`.

    While it is off, it is no part of the identity, so that a family can learn something new without making strangers
    of all the trials that were finished before. What `off` does may therefore never change.
    """
    return field(default=off, metadata={"off": off})


def identified(config: "DataclassInstance") -> dict[str, object]:
    """The config as what JSON can hold: nested configs as dicts, tuples as lists, options left out while off.

    Numbers that are equal come out alike (``lam=10`` and ``lam=10.0``, 0.0 and -0.0).

    Raises:
        TypeError: a field holds something that is not plain data.
        ValueError: a field holds a number that is not finite.
    """
    return {
        name: _json_ready(value, f"{type(config).__name__}.{name}")
        for name, value, metadata in (
            (entry.name, getattr(config, entry.name), entry.metadata) for entry in fields(config)
        )
        if "off" not in metadata or value != metadata["off"]
    }


def _json_ready(value: object, place: str) -> object:
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if type(value) is float:
        if value - value != 0:
            raise ValueError(
                f"{place} must be a finite number, but is {value}; use None or a field of its own for that"
            )
        return int(value) if value.is_integer() else value
    if is_dataclass(value) and not isinstance(value, type):
        return identified(value)
    if isinstance(value, tuple):
        return [_json_ready(item, place) for item in value]
    raise TypeError(
        f"{place} must be None, a bool, a number, a string, a tuple or a frozen dataclass of such, but is "
        f"{value!r} of type {type(value).__name__}; only plain data has the same hash everywhere"
    )


Label = str | int | float | bool
