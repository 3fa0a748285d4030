import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from retable.costs.cache import CostCache, _code
from retable.trial.config import TrialConfig
from retable.trial.step_cost import Line, StepCost


@dataclass(frozen=True, kw_only=True)
class Counted(TrialConfig):
    trainable: ClassVar[str] = "counted"
    iterations: int = 10
    batch_size: int = 4
    snapshot_every: int = 5
    width: int = 3
    lr: float = 0.1

    def cost_key(self) -> Mapping[str, object] | None:
        return {"width": self.width} if self.width else None

    def step_cost(self) -> StepCost:
        if self.width < 0:
            raise ValueError(f"width must be positive, but got {self.width}")
        return StepCost(self.width, Line(0, self.width), Line(0, 1))


def test_configs_that_cost_the_same_are_counted_once(tmp_path: Path) -> None:
    book = CostCache(tmp_path)
    assert book.of(Counted()) == book.of(Counted(lr=0.2)) == Counted().step_cost()
    assert book.of(Counted(width=4)) == Counted(width=4).step_cost()
    assert book.counted == 2


def test_what_was_counted_is_kept_for_the_next_command(tmp_path: Path) -> None:
    CostCache(tmp_path).of(Counted())
    book = CostCache(tmp_path)
    assert book.of(Counted()) == Counted().step_cost()
    assert book.counted == 0


def test_a_damaged_note_is_counted_again(tmp_path: Path) -> None:
    CostCache(tmp_path).of(Counted())
    (note,) = (tmp_path / "costs").iterdir()
    for damage in ("", "[]", '{"parameters": 1}'):
        note.write_text(damage)
        book = CostCache(tmp_path)
        assert book.of(Counted()) == Counted().step_cost()
        assert book.counted == 1


def test_a_folder_that_cant_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert CostCache(tmp_path / "file").of(Counted()) == Counted().step_cost()


def test_a_family_that_does_not_say_has_no_cost(tmp_path: Path) -> None:
    assert CostCache(tmp_path).of(replace(Counted(), width=0)) is None
    assert TrialConfig(iterations=1, batch_size=1, snapshot_every=1).cost_key() is None


def test_a_config_that_cant_be_built_is_refused_in_the_familys_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="width must be positive, but got -1"):
        CostCache(tmp_path).of(Counted(width=-1))


def test_code_that_may_have_changed_the_cost_is_part_of_its_name() -> None:
    modules = "trainables.video_gan.config", "studies.subsampling_ablation"
    for module in modules:  # only a package that is loaded has sources
        importlib.import_module(module)
    assert _code(modules[0]) != _code(modules[1])
