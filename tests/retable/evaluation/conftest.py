"""A classifier that is one linear layer, trained nowhere, and clips that come from no file."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
import torch
from torch import Tensor, nn

from retable.data.decode.spec import ClipSpec
from retable.data.samples.clips import Clips
from retable.evaluation.resize import Resize
from retable.store import checkpoint
from retable.store.formats.result import TrialResult
from retable.trial.config import TrialConfig
from retable.trial.learner import Score
from retable.trial.random import stream
from retable.trial.trial import Trial

FRAMES, SIZE, CLASSES, FEATURES = 2, 4, 3, 5
ACCURACY = "accuracy7x1_bilinear4_test_data-00000f"


class LinearJudge(nn.Module):
    """Features are a ReLU of one linear layer, logits another of those."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(3 * FRAMES * SIZE * SIZE, FEATURES)
        self.logits = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.features(x.flatten(1)))
        return self.logits(features), features


@dataclass(frozen=True, kw_only=True)
class LinearConfig(TrialConfig):
    trainable: ClassVar[str] = "linear"
    data: ClipSpec = field(default_factory=lambda: ClipSpec(frames=FRAMES, size=SIZE))
    iterations: int = 10
    batch_size: int = 2
    snapshot_every: int = 5

    @property
    def resize(self) -> Resize:
        return Resize("bilinear", self.data.size)

    def classifier(self, state: Mapping[str, Any]) -> LinearJudge:
        network = LinearJudge()
        network.load_state_dict(state["network"])
        return network


class DrawnClips:
    """Looks like Clips of 6 videos: noise keyed by (seed, iteration, index)."""

    spec = ClipSpec(frames=FRAMES, size=6)

    def __init__(self, seed: int = 7, fingerprint: str = "abcdef0123456789") -> None:
        self.seed, self.fingerprint = seed, fingerprint
        self.drawn: list[int] = []

    def __len__(self) -> int:
        return 6

    def with_seed(self, seed: int) -> "DrawnClips":
        other = copy(self)  # which notes in the same list what was drawn
        other.seed = seed
        return other

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        self.drawn.extend(indices)
        draws = [
            stream(self.seed, "clip", iteration, i).integers(256, size=(FRAMES, 3, 6, 6)) for i in indices
        ]
        return torch.stack([torch.from_numpy(draw).to(torch.uint8) for draw in draws]), torch.zeros(
            len(indices)
        )


@pytest.fixture
def judge() -> LinearJudge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LinearJudge()


@pytest.fixture
def config() -> LinearConfig:
    return LinearConfig()


@pytest.fixture
def classifier_folder(tmp_path: Path, judge: LinearJudge, config: LinearConfig) -> Path:
    """The folder that a finished trial of the judge would leave; the snapshot before the last was the best."""
    folder = tmp_path / "judge"
    signature = Trial(config, 0, "00ff").signature
    spoilt = {name: tensor + 1 for name, tensor in judge.state_dict().items()}
    checkpoint.fence(folder, 1)
    for iteration, weights in ((5, judge.state_dict()), (10, spoilt)):
        state = {"learner": {"network": weights}, "progress": {}}
        checkpoint.save(folder, iteration, state, signature=signature, attempt=1)
    TrialResult(signature, 0, "done", 5, {ACCURACY: Score(6 / 7)}).write(folder)
    return folder


@pytest.fixture
def clips() -> Clips:
    return cast(Clips, DrawnClips())
