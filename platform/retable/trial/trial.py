"""A trial and its signature. No torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from retable.trial.config import TrialConfig
from retable.trial.identity import identified


@dataclass(frozen=True)
class Trial:
    """One config × one seed × one data set.

    Attributes:
        data: the data set's content fingerprint (hex), never its path.
    """

    config: TrialConfig
    seed: int
    data: str

    @cached_property
    def identity(self) -> Mapping[str, object]:
        """Everything that the signature is made of, JSON-ready."""
        return {
            "trainable": self.config.trainable,
            "config": identified(self.config.canonical()),
            "seed": self.seed,
            "data": self.data,
            "requires": [trial.signature for trial in self.requires()],
        }

    @cached_property
    def signature(self) -> str:
        """The trial's identity: 16 hex digits of SHA-256 over the canonical JSON of `identity`."""
        text = json.dumps(self.identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def requires(self) -> tuple["Trial", ...]:
        """The trials that must be finished first, over the same data set: at seed 0, or at this trial's own."""
        config = self.config.canonical()
        return (
            *(Trial(required, 0, self.data) for required in config.requires()),
            *(Trial(followed, self.seed, self.data) for followed in config.follows()),
        )
