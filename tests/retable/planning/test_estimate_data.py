"""Plans over a data set: what can't run on it and why."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.scan.catalog import Catalog, Video
from retable.planning.compatibility import Compatibility
from retable.trial.config import DataNeeds
from tests.retable.planning.planning_cases import BASE, Judge, Model, forecast_of, models, plan_of


def test_what_needs_longer_videos_than_there_are_cant_run(tmp_path: Path) -> None:
    videos = tuple(
        Video(
            sha256=f"{at}",
            frames=8,
            width=4,
            height=4,
            problem=None,
            note="",
            path=f"a/{at}.mp4",
            split=split,
            label=0,
        )
        for at, split in enumerate(("train", "test"))
    )
    catalog = Catalog(tmp_path, tmp_path, ("a",), videos)
    forecast = forecast_of(plan_of(BASE, replace(BASE, frames=9)), tmp_path=tmp_path, catalog=catalog)
    assert [one.planned.trial.config for one in models(forecast)] == [BASE]
    (reason,) = {invalid.reason for invalid in forecast.invalid}
    assert reason.startswith("it needs videos of 9 frames: 2 of 2 videos of")
    assert "(2 too short)" in reason


def test_images_that_can_t_be_used_are_not_reported_as_videos(tmp_path: Path) -> None:
    image = Video(sha256="0", problem="truncated", note="", path="a/0.jpg", split="train", label=0)
    catalog = Catalog(tmp_path, tmp_path, ("a",), (image,), kind="image")
    forecast = forecast_of(plan_of(BASE), tmp_path=tmp_path, catalog=catalog)
    (reason,) = {invalid.reason for invalid in forecast.invalid}
    assert reason.startswith("1 of 1 images of")


@dataclass(frozen=True, kw_only=True)
class Painter(Model):
    data: ImageSpec

    @property
    def needs(self) -> DataNeeds:
        return replace(self.data.needs, classes=2, remedy="add a class")


PAINTER = Painter(data=ImageSpec(size=8))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (replace(PAINTER, data=ImageSpec(size=8, classes=("a",))), ""),
        (
            replace(PAINTER, data=ImageSpec(size=8, classes=("b", "cat"))),
            "images of the class cat are asked for, but {root} has a, b",
        ),
        (replace(PAINTER, data=ImageSpec(size=9)), "1 of 2 images of {root} can't be used (1 too small)"),
    ],
)
def test_what_needs_other_images_than_there_are_cant_run(
    tmp_path: Path, config: Painter, reason: str
) -> None:
    sides = {"a": 9, "b": 8}
    images = tuple(
        Video(sha256=name, frames=1, width=99, height=side, path=f"{name}/0.png", split="train", label=at)
        for at, (name, side) in enumerate(sides.items())
    )
    catalog = Catalog(tmp_path, tmp_path, tuple(sides), images, kind="image")
    forecast = forecast_of(plan_of(PAINTER, config), tmp_path=tmp_path, catalog=catalog)
    assert {one.reason.startswith(reason.format(root=tmp_path)) for one in forecast.invalid} <= {True}
    assert forecast.refusal == ""
    assert [one.planned.trial.config for one in models(forecast)] == (
        [PAINTER] if reason else [PAINTER, config]
    )

    one = Catalog(tmp_path, tmp_path, ("a",), images[:1], kind="image")
    forecast = forecast_of(plan_of(PAINTER), tmp_path=tmp_path, catalog=one)
    assert {one.reason for one in forecast.invalid} == {
        f"a classifier needs images of two classes or more, but {tmp_path} has 1; add a class"
    }


def test_a_run_takes_the_trials_that_the_data_set_has_images_for(tmp_path: Path) -> None:
    images = tuple(
        Video(sha256=name, frames=1, width=9, height=9, path=f"{name}/0.png", split="train", label=at)
        for at, name in enumerate("ab")
    )
    compatibility = Compatibility(Catalog(tmp_path, tmp_path, ("a", "b"), images, kind="image"))
    large = replace(PAINTER, data=ImageSpec(size=10))
    plan, reasons = compatibility.possible(plan_of(PAINTER, large))
    assert [planned.trial.config for planned in plan.trials] == [Judge(), PAINTER]
    assert ["(2 too small)" in reason for reason in reasons.values()] == [True]
    whole = plan_of(PAINTER)
    assert compatibility.possible(whole) == (whole, {})
    with pytest.raises(DataError, match="2 too small"):
        compatibility.possible(plan_of(large))


def test_videos_are_no_images(tmp_path: Path) -> None:
    video = Video(sha256="0", frames=9, width=9, height=9, path="a/0.mp4", split="train", label=0)
    forecast = forecast_of(
        plan_of(PAINTER), tmp_path=tmp_path, catalog=Catalog(tmp_path, tmp_path, ("a",), (video,))
    )
    assert {one.reason for one in forecast.invalid} == {
        f"{tmp_path} must be a data set of images, but holds videos"
    }
