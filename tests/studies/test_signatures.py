"""No trial of any study becomes another one by accident: its results would be lost to it, and trained again."""

import json
from difflib import unified_diff

from tests.studies.signatures import STORED, WRITE, Signatures, every_signature


def _lines(signatures: Signatures) -> list[str]:
    return [
        f"{study}, {scale}: {line}"
        for study, scales in signatures.items()
        for scale, lines in scales.items()
        for line in lines
    ]


def test_every_trial_of_every_study_has_the_signature_that_it_had() -> None:
    stored, now = json.loads(STORED.read_text(encoding="utf-8")), every_signature()
    changes = list(unified_diff(_lines(stored), _lines(now), "stored", "now", n=0, lineterm=""))
    assert not changes, (
        "\n".join(changes)
        + "\n\nThe signatures of a study's trials are not those that are stored. A changed one makes "
        "strangers of all trials that users have finished: unless that is meant, mend the code. If it is meant, or a "
        "study has other rows, say so in CHANGELOG.md (a changed signature under 'Numbers changed') and write the file "
        f"anew: {WRITE}"
    )


def test_signatures_are_stored_for_many_trials_and_each_stands_for_one_of_them() -> None:
    lines = [line for line in _lines(json.loads(STORED.read_text(encoding="utf-8"))) if " · " in line]
    assert len(lines) > 500
    of: dict[str, set[tuple[str, str]]] = {}
    for line in lines:
        signature, seed, trainable, _ = line.partition(": ")[2].split(" · ", 3)
        of.setdefault(signature, set()).add((seed, trainable))
    assert all(len(identities) == 1 for identities in of.values())
