"""What a finished trial has learnt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from retable import checkpoint


def trained_state(folder: Path, signature: str, device: torch.device) -> Mapping[str, Any]:
    """The learner's state at the best snapshot of a finished trial.

    Raises:
        FileNotFoundError: the trial is not finished.
        ValueError: it ended before its first snapshot.
    """
    path = folder / "result.json"
    if not path.exists():
        raise FileNotFoundError(
            f"the trial in {folder} must be finished, but {path} is missing; run its study"
        )
    result = json.loads(path.read_text(encoding="utf-8"))
    if result["best"] is None:
        raise ValueError(
            f"the trial in {folder} must have a snapshot to sample from, but it is {result['state']} before its first"
        )
    state: Mapping[str, Any] = checkpoint.load(checkpoint.at(folder, result["best"], signature), device)
    learner: Mapping[str, Any] = state["learner"]
    return learner
