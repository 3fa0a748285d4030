"""What tells two configs apart, in words: computed, so that a table can't say one thing and train another."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retable.trial import TrialConfig


def changes(before: "TrialConfig", after: "TrialConfig") -> Mapping[str, tuple[object, object]]:
    """Field -> its value before and after, for fields that differ in a way that matters.

    Canonical forms are compared: a field that changes nothing, such as s_t with no layer on, is not listed. Fields of
    a config within the config are named ``data.size``.
    """
    return dict(_differing(before.canonical(), after.canonical(), ""))


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
