"""Finished trials of a tiny study, trained for an iteration or two by the real loop."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from retable.cli.arguments.study_file import load_study
from retable.data.embedded.clips import ensure_embedded
from retable.planning.plan import Plan
from tests.trainables.trained_plan import trained_plan
from trainables.video_gan.config import VideoGANConfig

STUDY = Path(__file__).with_name("tiny_study.py")


@dataclass(frozen=True)
class Trained:
    """A study's results.

    Attributes:
        study: its file.
        plan: its trials by name: c3d, the judge; then the GANs.
    """

    study: Path
    results: Path
    plan: Plan[VideoGANConfig]

    def signature(self, name: str) -> str:
        (found,) = (planned.signature for planned in self.plan.trials if name in planned.name)
        return found


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A judge, a model with s_t = 2 and the 3D baseline."""
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        root = ensure_embedded(clips_per_class=2)
        yield Trained(STUDY, folder, trained_plan(load_study(STUDY), "smoke", root, folder))
