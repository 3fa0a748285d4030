"""Finished trials of a small study, trained by the real loop on a few embedded images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retable import local
from retable.cli import load_study
from retable.data.catalog import scan
from retable.data.embedded_images import ensure_embedded_images
from retable.execution import Execution
from retable.ledger import Ledger
from retable.plan import Plan, make_plan

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
        study = load_study(STUDY)
        plan = make_plan(study, study.scales["smoke"], scan(root).fingerprint)
        with Ledger(folder / "ledger.db") as ledger:
            execution = Execution(plan, folder, root, ledger)
            local.run_plan(execution)
        assert set(execution.states.values()) == {"done"}, execution.messages
        yield Place(STUDY, folder, root, plan)
