import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.data.decode.spec import ClipSpec, fingerprint


def test_the_reference_crops_192_of_256_from_4_to_60() -> None:
    spec = ClipSpec(size=192)
    assert spec.stored == (256, 192)
    assert (spec.lefts.start, spec.lefts[-1], len(spec.lefts)) == (4, 60, 57)


@pytest.mark.parametrize(
    ("size", "width", "lefts"), [(32, 43, (0, 11)), (64, 85, (1, 20)), (256, 341, (5, 80))]
)
def test_other_sizes_scale(size: int, width: int, lefts: tuple[int, int]) -> None:
    spec = ClipSpec(size=size)
    assert spec.stored == (width, size)
    assert (spec.lefts[0], spec.lefts[-1]) == lefts


def test_the_paper_stores_squares_and_has_one_place_to_crop() -> None:
    spec = ClipSpec(size=192, crop="paper")
    assert spec.stored == (192, 192)
    assert list(spec.lefts) == [0]


@given(st.integers(1, 600))
def test_crops_stay_inside_and_are_symmetric(size: int) -> None:
    spec = ClipSpec(size=size)
    assert spec.lefts[0] >= 0
    assert spec.lefts[-1] + size <= spec.stored[0]
    assert spec.lefts[0] == spec.slack - spec.lefts[-1]


@pytest.mark.parametrize(
    ("frames", "reference", "paper"), [(16, 1, 1), (17, 1, 2), (18, 2, 3), (100, 84, 85)]
)
def test_the_reference_never_draws_the_last_start(frames: int, reference: int, paper: int) -> None:
    assert ClipSpec().starts(frames) == reference
    assert ClipSpec(crop="paper").starts(frames) == paper


def test_the_fingerprint_changes_with_everything_that_changes_clips() -> None:
    spec = ClipSpec(frames=16, size=32)
    others = [
        replace(spec, frames=8),
        replace(spec, size=64),
        replace(spec, crop="paper"),
        replace(spec, flip=False),
    ]
    prints = [fingerprint("a", other) for other in (spec, *others)]
    prints += [fingerprint("b", spec), fingerprint("a", spec, without=["f00"])]
    assert len(set(prints)) == len(prints)
    assert fingerprint("a", ClipSpec(size=32)) == prints[0]
    assert fingerprint("a", spec, ["1", "2"]) == fingerprint("a", spec, ["2", "1"])


def test_errors_name_the_value() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, but got 0"):
        ClipSpec(size=0)
    with pytest.raises(ValueError, match="'reference' or 'paper', but got 'centre'"):
        ClipSpec(crop="centre")  # type: ignore[arg-type]


def test_a_spec_is_plain_data_that_needs_no_torch() -> None:
    heavy = "{'torch', 'pyarrow', 'decord', 'av', 'numpy'}"
    code = f"import sys, retable.data.decode.spec; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
