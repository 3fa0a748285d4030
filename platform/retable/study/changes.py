"""Differences between two configs as text. They are computed, so that a table cannot say one thing and train another."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retable.trial.config import TrialConfig


def changes(before: "TrialConfig", after: "TrialConfig") -> Mapping[str, tuple[object, object]]:
    """Fields whose change makes another trial -> value before and after.

    Values are as declared: ``penalty r1 → none`` is listed without λ, which has no meaning then. A field without effect,
    such as s_t with no subsampling layer, is not listed. Fields of a nested config are named ``data.size``. The result
    is empty exactly if both configs are one trial.
    """
    canonical = before.canonical(), after.canonical()
    if canonical[0] == canonical[1]:
        return {}
    declared = _declared(before, after)
    return dict(_differing(*(canonical if declared is None else (before, declared)), ""))


def _declared(before: "TrialConfig", after: "TrialConfig") -> "TrialConfig | None":
    """`before` with the effective fields of `after`; None if that is not the same trial as `after`."""
    if type(before) is not type(after):
        return None
    given = {f.name: getattr(after, f.name) for f in fields(after)}
    other = {name: value for name, value in given.items() if getattr(before, name) != value}
    effective = {
        name: value
        for name, value in other.items()
        if _has_effect(before, name, value) or _has_effect(after, name, getattr(before, name))
    }
    try:
        made = replace(before, **effective)
    except ValueError:
        return None
    return made if made.canonical() == after.canonical() else None


def _has_effect(config: "TrialConfig", name: str, value: Any) -> bool:
    """True if the value of that field alone makes another trial of the config."""
    try:
        return replace(config, **{name: value}).canonical() != config.canonical()
    except ValueError:
        return True  # there is no such trial


def changes_text(found: Mapping[str, tuple[object, object]]) -> str:
    """Text of changes, such as ``s_t 2 → 4, S3 on → off``; ``nothing`` if there are none."""
    return ", ".join(f"{name} {_text(a)} → {_text(b)}" for name, (a, b) in found.items()) or "nothing"


def _differing(before: object, after: object, prefix: str) -> list[tuple[str, tuple[object, object]]]:
    found: list[tuple[str, tuple[object, object]]] = []
    if not is_dataclass(before) or type(before) is not type(after):
        return [(prefix, (before, after))]
    for field in fields(before):
        name = f"{prefix}.{field.name}" if prefix else field.name
        a, b = getattr(before, field.name), getattr(after, field.name)
        if a != b:
            found += _differing(a, b, name)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return type(value).__name__ if is_dataclass(value) else str(value)
