"""What tells two configs apart, in words: computed, so that a table can't say one thing and train another."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retable.trial.config import TrialConfig


def changes(before: "TrialConfig", after: "TrialConfig") -> Mapping[str, tuple[object, object]]:
    """Field -> its value before and after, for fields that differ in a way that matters.

    Fields are told as they were declared: ``penalty r1 → none``, not also that λ means nothing then. One that changes
    nothing, such as s_t with no layer on, is not listed. Fields of a config within the config are named ``data.size``.
    Nothing is listed exactly where both are one trial.
    """
    canonical = before.canonical(), after.canonical()
    if canonical[0] == canonical[1]:
        return {}
    declared = _declared(before, after)
    return dict(_differing(*(canonical if declared is None else (before, declared)), ""))


def _declared(before: "TrialConfig", after: "TrialConfig") -> "TrialConfig | None":
    """`before` with the fields of `after` that matter alone; None where these do not make `after` of it."""
    if type(before) is not type(after):
        return None
    given = {f.name: getattr(after, f.name) for f in fields(after)}
    other = {name: value for name, value in given.items() if getattr(before, name) != value}
    mattering = {
        name: value
        for name, value in other.items()
        if _matters(before, name, value) or _matters(after, name, getattr(before, name))
    }
    try:
        made = replace(before, **mattering)
    except ValueError:
        return None
    return made if made.canonical() == after.canonical() else None


def _matters(config: "TrialConfig", name: str, value: Any) -> bool:
    """Whether the field alone makes another trial of the config."""
    try:
        return replace(config, **{name: value}).canonical() != config.canonical()
    except ValueError:
        return True  # such a trial cannot be


def in_words(found: Mapping[str, tuple[object, object]]) -> str:
    """Such as ``s_t 2 → 4, S3 on → off``; ``nothing`` where nothing differs."""
    return ", ".join(f"{name} {_word(a)} → {_word(b)}" for name, (a, b) in found.items()) or "nothing"


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


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return type(value).__name__ if is_dataclass(value) else str(value)
