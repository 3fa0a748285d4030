"""What all that is brought has in common: the file must be there and be the right one, and is scored once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from retable.evaluation.pretrained import FILE
from retable.evaluation.pretrained_learner import PretrainedLearner
from retable.trial.learner import Best, Score


class Ruler(PretrainedLearner):
    """Its weights are the text of its file."""

    best: ClassVar[Best] = Best("length", "max")

    def __init__(self, folder: Path, wanted: str) -> None:
        super().__init__(folder, "--ruler")
        self.text = self.file.read_text()
        self.check(self.text, wanted)
        self.taken = 0

    def _measured(self) -> Mapping[str, Score]:
        assert not torch.is_grad_enabled()
        self.taken += 1
        return {"length": Score(float(len(self.text)))}

    def state(self) -> dict[str, Any]:
        return {"text": self.text}


def test_the_file_must_be_there_and_hold_what_the_config_says(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{FILE} is missing; give the file with --ruler FILE again"):
        Ruler(tmp_path, "0f" * 32)
    (tmp_path / FILE).write_text("1e" * 32)
    with pytest.raises(
        ValueError, match=r"must have the weights 0f0f0f0f0f0f…, but has 1e1e1e1e1e1e…; delete"
    ):
        Ruler(tmp_path, "0f" * 32)


def test_it_is_scored_once_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("1e" * 32)
    ruler = Ruler(tmp_path, "1e" * 32)
    assert ruler.step(0) == {}
    for iteration, final in ((1, False), (1, True)):
        assert ruler.evaluate(iteration, final=final) == {"length": Score(64.0)}
    assert ruler.taken == 1
    assert ruler.samples() is None  # type: ignore[func-returns-value]
    ruler.load_state({"text": "another"})
    assert ruler.state() == {"text": "1e" * 32}
