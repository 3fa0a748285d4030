"""Tokens that are no command, and the closest verb."""

from collections.abc import Sequence
from difflib import get_close_matches

from retable.errors import RetableError


class UsageError(RetableError):
    """Words that are no command."""


def check_verb(word: str, known: Sequence[str]) -> None:
    """Refuse a word that is no verb.

    Raises:
        UsageError: the word is none of the known verbs; the remedy names the closest.
    """
    if word not in known:
        close = get_close_matches(word, known, n=1)
        raise UsageError(
            f"the verb must be one of {', '.join(known)}, but got {word!r}",
            remedy=f"did you mean {close[0]}?" if close else "",
        )


def is_remote(address: str | None) -> bool:
    """True if a study with that --address runs on the head of a cluster, and not in this process."""
    return address is not None and address.startswith(("http://", "https://")) | address.endswith(
        (".yaml", ".yml")
    )
