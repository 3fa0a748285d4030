from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.evaluation.config import Evaluation
from retable.study.changes import changes, changes_text
from retable.study.designs import add_one_in, full, leave_one_out, path
from retable.study.table import Row, unchanged
from retable.trial.config import TrialConfig
from trainables.classifiers.c3d.scales import PAPER as C3D
from trainables.video_gan.config import VideoGANConfig


@dataclass(frozen=True)
class Clips:
    size: int = 64
    flip: bool = True


@dataclass(frozen=True, kw_only=True)
class Recipe(TrialConfig):
    """s_t matters only with a layer on; two frames can't be kept one in four."""

    trainable: ClassVar[str] = "recipe"
    iterations: int = 10
    batch_size: int = 4
    snapshot_every: int = 5
    s_t: int = 2
    S1: bool = True
    S2: bool = True
    frames: int = 16
    data: Clips = field(default_factory=Clips)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames % self.s_t:
            raise ValueError(f"s_t must divide frames, but got s_t={self.s_t} and frames={self.frames}")

    def canonical(self) -> Self:
        on = self.s_t > 1 and (self.S1 or self.S2)
        return self if on else replace(self, s_t=1, S1=False, S2=False)


BASE = Recipe()
OFF = {
    "S1": lambda config: replace(config, S1=False),
    "S2": lambda config: replace(config, S2=False),
}


def made(rows: tuple[Row[Recipe], ...]) -> dict[str, Recipe]:
    return {row.label: row.config for row in rows if row.config is not None}


def test_leave_one_out() -> None:
    assert made(leave_one_out(BASE, OFF)) == {
        "Full": BASE,
        "without S1": replace(BASE, S1=False),
        "without S2": replace(BASE, S2=False),
    }


def test_add_one_in() -> None:
    bare = replace(BASE, S1=False, S2=False)
    rows = made(add_one_in(bare, {"S2": lambda config: replace(config, S2=True)}, label="Naive impl."))
    assert rows == {"Naive impl.": bare, "with S2": replace(bare, S2=True)}


def test_full() -> None:
    strides = {"s_t = 2": unchanged, "s_t = 4": lambda config: replace(config, s_t=4)}
    rows = made(full(BASE, strides, {"all": unchanged, "no S1": OFF["S1"]}))
    assert rows == {
        "s_t = 2, all": BASE,
        "s_t = 2, no S1": replace(BASE, S1=False),
        "s_t = 4, all": replace(BASE, s_t=4),
        "s_t = 4, no S1": replace(BASE, s_t=4, S1=False),
    }


def test_a_row_that_is_not_valid_is_named() -> None:
    with pytest.raises(ValueError, match="row 's_t = 3' is not a valid config: s_t must divide frames"):
        full(BASE, {"s_t = 3": lambda config: replace(config, s_t=3)})


def test_path_changes_one_field_at_a_time() -> None:
    rows = path(BASE, replace(BASE, s_t=4, S2=False, data=Clips(size=32)), label="Full")
    assert [row.label for row in rows] == ["Full", "s_t 2 → 4", "S2 on → off", "data.size 64 → 32"]
    assert rows[-1].config == replace(BASE, s_t=4, S2=False, data=Clips(size=32))


def test_a_field_that_does_nothing_yet_shows_with_the_next() -> None:
    rows = path(replace(BASE, s_t=1, S1=False, S2=False), BASE)
    assert [row.label for row in rows] == ["Start", "s_t 1 → 2, S1 off → on", "S2 off → on"]


def test_a_field_that_would_be_refused_waits() -> None:
    rows = path(BASE, replace(BASE, s_t=3, frames=12))
    assert [row.label for row in rows] == ["Start", "frames 16 → 12", "s_t 2 → 3"]


def test_fields_that_go_together_need_a_stop() -> None:
    end = replace(BASE, s_t=5, frames=15)
    with pytest.raises(ValueError, match="can't be changed one at a time .* give path a config between"):
        path(BASE, end)
    assert [row.label for row in path(BASE, replace(BASE, s_t=1), end)] == [
        *("Start", "s_t 2 → 1"),
        *("frames 16 → 15", "s_t 1 → 5"),
    ]
    with pytest.raises(ValueError, match="at least two configs, but got 1"):
        path(BASE)


CONFIGS = st.builds(
    Recipe,
    s_t=st.sampled_from([1, 2, 4]),
    S1=st.booleans(),
    S2=st.booleans(),
    batch_size=st.sampled_from([4, 8]),
)


@given(CONFIGS, CONFIGS)
def test_every_row_of_a_path_is_another_trial_and_the_last_is_the_end(start: Recipe, end: Recipe) -> None:
    configs = [row.config for row in path(start, end) if row.config is not None]
    assert configs[0] == start
    assert configs[-1].canonical() == end.canonical()
    canonical = [config.canonical() for config in configs]
    assert all(one != other for one, other in pairwise(canonical))


@given(CONFIGS, CONFIGS)
def test_changes_turn_round(one: Recipe, other: Recipe) -> None:
    there, back = changes(one, other), changes(other, one)
    assert {name: (b, a) for name, (a, b) in back.items()} == there
    assert (not there) == (one.canonical() == other.canonical())


def test_text() -> None:
    assert changes_text(changes(BASE, replace(BASE, S2=False, data=Clips(flip=False)))) == (
        "S2 on → off, data.flip on → off"
    )
    assert changes_text(changes(BASE, BASE)) == "nothing"


def test_what_is_switched_off_is_told_and_not_what_means_nothing_then() -> None:
    model = VideoGANConfig(s_t=2, batch_size=16, evaluation=Evaluation(classifier=C3D))
    assert changes_text(changes(model, replace(model, penalty="none"))) == "penalty r1 → none"
    assert (
        changes_text(changes(model, replace(model, penalty="none", lam=0.0)))
        == "lam 0.5 → 0.0, penalty r1 → none"
    )
    assert changes_text(changes(replace(BASE, s_t=1), replace(BASE, s_t=1, S1=False))) == "nothing"
