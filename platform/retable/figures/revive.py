"""Rebuilds a trial from its stored identity: the config's class is looked up, its fields are filled in, the hash decides."""

import importlib
import importlib.util
import pkgutil
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeVar, Union, get_args, get_origin, get_type_hints

from retable.errors import RetableError
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial

FAMILIES = "trainables"
"""The package whose configs are looked up: no name in a stored file decides what is imported."""

CONFIGS = ("config", "pretrained")
"""Names of the modules of a family that hold its configs."""

T = TypeVar("T")


class UnknownFamilyError(RetableError, ValueError):
    """No model family that is installed has trained a trial."""


def known_configs() -> list[type[TrialConfig]]:
    """The config classes of all installed model families: those of each module ``config`` or ``pretrained`` in them. No torch."""
    found = importlib.util.find_spec(FAMILIES)
    for module in pkgutil.walk_packages(found.submodule_search_locations if found else None, f"{FAMILIES}."):
        if module.name.rpartition(".")[2] in CONFIGS:
            importlib.import_module(module.name)
    return list(_subclasses(TrialConfig))


def revived(identity: Mapping[str, object], signature: str) -> Trial:
    """Return the trial of an identity.

    Args:
        identity: `Trial.identity` as it was stored when the trial was trained, read from JSON.
        signature: its hash.

    Raises:
        UnknownFamilyError: no known config has this identity; another version of a family trained it.
    """
    trainable, seed, data = identity["trainable"], identity["seed"], identity["data"]
    known = known_configs()
    for kind in known:
        if getattr(kind, "trainable", None) == trainable:
            try:
                config = _filled(kind, identity["config"], known)
            except (TypeError, ValueError):
                continue  # not of this class; if of none, that is said below
            trial = Trial(config, int(str(seed)), str(data))
            if trial.signature == signature:
                return trial
    names = sorted({kind.trainable for kind in known if hasattr(kind, "trainable")})
    raise UnknownFamilyError(
        f"trial {signature} ({trainable}) has no figures, or was made by something that is not here or by another "
        f"version: what has figures is among {', '.join(names)}",
        remedy="give the file of its study instead of its signature",
    )


def _filled(kind: type[T], value: object, known: Sequence[type[TrialConfig]]) -> T:
    """An object of a dataclass from its fields' values; fields that are not there have their defaults."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{kind.__name__} is made of named values, but got {value!r}")
    hints = get_type_hints(kind)
    return kind(**{name: _of(hints.get(name, object), given, known) for name, given in value.items()})


def _of(hint: object, value: object, known: Sequence[type[TrialConfig]]) -> object:
    """A field's value, from what JSON made of it."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return None if value is None else _of_any(inner, value, known)
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, Mapping):
        return _filled(_narrowest_class(hint, value), value, known)
    if isinstance(value, list):
        args = get_args(hint) or (object,)
        hints = args[:1] * len(value) if len(args) != len(value) or args[-1] is Ellipsis else args
        return tuple(_of(arg, item, known) for arg, item in zip(hints, value, strict=True))
    return float(value) if hint is float and isinstance(value, int) else value


def _of_any(hints: Sequence[object], value: object, known: Sequence[type[TrialConfig]]) -> object:
    """The value as the first of these types that fits it."""
    for hint in hints[:-1]:
        try:
            return _of(hint, value, known)
        except (TypeError, ValueError):
            continue  # of another of them
    return _of(hints[-1], value, known)


def _narrowest_class(hint: type, value: Mapping[str, object]) -> type:
    """The class itself or the subclass of it that has all these fields and the fewest others."""
    fitting = [
        kind for kind in (hint, *_subclasses(hint)) if set(value) <= {field.name for field in fields(kind)}
    ]
    if not fitting:
        raise TypeError(f"no {hint.__name__} has the fields {', '.join(value)}")
    return min(fitting, key=lambda kind: len(fields(kind)))


def _subclasses(kind: type[T]) -> Iterator[type[T]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
