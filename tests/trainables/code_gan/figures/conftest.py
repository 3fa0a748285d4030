"""Finished trials of a small study, trained by the real loop on a few embedded images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retable.cli.arguments.study_file import load_study
from retable.data.embedded.images import ensure_embedded_images
from retable.planning.plan import Plan
from tests.trainables.trained_plan import trained_plan

STUDY = Path(__file__).with_name("small_study.py")


@dataclass(frozen=True)
class Place:
    """A study's results.

    Attributes:
        study: its file.
        data: root of its data set.
    """

    study: Path
    results: Path
    data: Path
    plan: Plan[Any]

    def signature(self, trainable: str, **fields: object) -> str:
        """Of the only trial of that family whose config has these fields."""
        (found,) = (
            planned.signature
            for planned in self.plan.trials
            if planned.trial.config.trainable == trainable
            and all(getattr(planned.trial.config, name) == value for name, value in fields.items())
        )
        return found


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """All trials of the study, finished."""
    folder = tmp_path_factory.mktemp("code_gan_figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        root = ensure_embedded_images(images_per_class=2, size=64)
        yield Place(STUDY, folder, root, trained_plan(load_study(STUDY), "smoke", root, folder))
