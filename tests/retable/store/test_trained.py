from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from retable.store import checkpoint
from retable.store.formats.result import TrialResult
from retable.store.trained import trained

SIGNATURE = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a finished trial whose best snapshot is its first of two."""
    checkpoint.fence(tmp_path, 1)
    for iteration in (5, 10):
        state = {"learner": {"weight": torch.tensor([float(iteration)])}, "progress": {}}
        checkpoint.save(tmp_path, iteration, state, signature=SIGNATURE, attempt=1)
    write(tmp_path)
    return tmp_path


def write(folder: Path, **changed: Any) -> None:
    replace(TrialResult(SIGNATURE, 0, "done", 5), **changed).write(folder)


def test_the_best_snapshot_of_a_finished_trial(folder: Path) -> None:
    found = trained(folder)
    assert (found.snapshot.iteration, found.result.state) == (5, "done")
    assert found.state("cpu")["weight"].tolist() == [5.0]


def test_what_is_not_there_is_told(folder: Path) -> None:
    write(folder, best=None, state="collapsed")
    with pytest.raises(ValueError, match="collapsed before its first snapshot"):
        trained(folder)
    write(folder, best=7)
    with pytest.raises(
        FileNotFoundError,
        match=f"no checkpoint of iteration 7; it has 5, 10; put it back, or .*--trial {SIGNATURE}",
    ):
        trained(folder)
    write(folder)
    (folder / "checkpoints" / "00000005" / checkpoint.TENSORS).write_bytes(b"damaged")
    with pytest.raises(
        checkpoint.Corrupt, match=f"or train the trial again with `retable retry STUDY --trial {SIGNATURE}`"
    ):
        trained(folder)
    (folder / "result.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"is not finished: .*result\.json is missing"):
        trained(folder)
