"""What waits for what, in families of which one is trained for another."""

from dataclasses import dataclass
from typing import ClassVar

from retable.planning.forecast import TrialForecast
from retable.planning.plan import plan_trials
from retable.report.plan.stages import direct_requirements, shared_requirements, stages
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Link(TrialConfig):
    """Requires the links below it, all of them."""

    trainable: ClassVar[str] = "link"
    iterations: int = 1
    batch_size: int = 1
    snapshot_every: int = 1
    height: int
    name: str = ""

    def requires(self) -> tuple[TrialConfig, ...]:
        return tuple(KINDS[height](height=height) for height in range(self.height))


@dataclass(frozen=True, kw_only=True)
class Base(Link):
    trainable: ClassVar[str] = "a base"


@dataclass(frozen=True, kw_only=True)
class Middle(Link):
    trainable: ClassVar[str] = "z middle"


@dataclass(frozen=True, kw_only=True)
class Top(Link):
    trainable: ClassVar[str] = "b top"


KINDS: tuple[type[Link], ...] = (Base, Middle, Top)


def trial_forecasts(*configs: TrialConfig) -> list[TrialForecast]:
    planned = plan_trials({Trial(config, 0, "data"): ("1: row, column",) for config in configs})
    return [TrialForecast(one, ("1",), "missing", 1) for one in planned]


def test_only_the_last_link_is_waited_for() -> None:
    found = trial_forecasts(Top(height=2))
    base, middle, top = (one.planned.signature for one in found)
    assert set(found[-1].planned.requires) == {base, middle}
    assert direct_requirements(found) == {base: (), middle: (base,), top: (middle,)}


def test_families_come_in_the_order_in_which_they_can_run() -> None:
    found = trial_forecasts(Top(height=0, name="alone"), Top(height=2))
    assert list(stages(found)) == ["a base", "z middle", "b top"]
    assert [len(own) for own in stages(found).values()] == [1, 1, 2]


def test_shared_requirements_are_in_the_title() -> None:
    found = trial_forecasts(
        Top(height=2, name="one"), Top(height=2, name="other"), Top(height=1, name="third")
    )
    waits = direct_requirements(found)
    tops = stages(found)["b top"]
    base, middle = (one.planned.signature for one in found[:2])
    assert shared_requirements(tops[:2], waits) == (middle,)
    assert shared_requirements(tops, waits) == ()
    assert shared_requirements(found[:1], waits) == ()
    assert waits[tops[2].planned.signature] == (base,)
