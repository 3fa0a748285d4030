"""A search is checked when it is declared, and its halving is the published rule."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from retable.study.search import Choice, Halving, Real, Search, Variant, Whole
from retable.study.table import Row
from retable.trial.config import TrialConfig


@dataclass(frozen=True, kw_only=True)
class Config(TrialConfig):
    trainable: ClassVar[str] = "nothing"
    iterations: int = 9
    batch_size: int = 1
    snapshot_every: int = 1
    rate: float = 1.0
    width: int = 1


def rate(config: Config, value: float) -> Config:
    return replace(config, rate=value)


def width(config: Config, value: int) -> Config:
    return replace(config, width=value)


RATE = Real("rate", 0.1, 10.0, rate, log=True)
WIDTH = Whole("width", 1, 8, width)
KIND = Choice[Config]("kind", {"long": lambda c: replace(c, iterations=99), "short": lambda c: c})


def search(**changed: Any) -> Search[Config]:
    given = {
        "number": "1",
        "caption": "A search",
        "rows": (Row("a", Config()), Row("b", Config(width=2)), Row[Config]("others")),
        "grid": (Variant[Config](), Variant("wide", lambda c: replace(c, width=8))),
        "space": (RATE, KIND),
        "objectives": ("is",),
        "points": {"smoke": 3},
    }
    return Search(**{**given, **changed})


def test_each_row_at_each_place_of_the_grid_is_tuned() -> None:
    cells = search().cells()
    assert [cell.label for cell in cells] == ["a", "a, wide", "b", "b, wide"]
    assert [cell.slug for cell in cells] == ["a", "a_wide", "b", "b_wide"]
    assert [cell.config.width for cell in cells] == [1, 8, 2, 8]
    assert len(search().cells(limit=1)) == 2


def test_a_point_changes_the_config_dimension_by_dimension() -> None:
    at = search(space=(RATE, WIDTH, KIND)).at(Config(), {"rate": 0.5, "width": 3, "kind": "long"})
    assert at == Config(rate=0.5, width=3, iterations=99)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"space": ()}, "needs dimensions of different names, but got []"),
        ({"space": (RATE, RATE)}, "needs dimensions of different names"),
        ({"objectives": ("is", "is")}, "needs different objectives"),
        ({"first": ({"rate": 1.0},)}, "must give rate in [0.1, 10], log; kind in {long, short}, but got"),
        ({"first": ({"rate": 99.0, "kind": "long"},)}, "a first point of search 1 must give"),
        ({"first": ({"rate": 1.0, "kind": "odd"},)}, "a first point of search 1 must give"),
        ({"grid": (Variant[Config](), Variant[Config]())}, "must have different labels"),
    ],
)
def test_a_wrong_declaration_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the message is what is tested)
        search(**changed)
    assert message in str(error.value)


def test_a_wrong_range_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"rate must have low < high and low > 0 for its logarithm, but got 0\.0"
    ):
        Real("rate", 0.0, 1.0, rate, log=True)
    with pytest.raises(ValueError, match="width must have low < high, but got 3 and 3"):
        Whole("width", 3, 3, width)
    with pytest.raises(ValueError, match="kind must have two options or more, but got one"):
        Choice[Config]("kind", {"one": lambda c: c})
    with pytest.raises(ValueError, match="factor of at least 2, but got first=1, factor=1"):
        Halving(factor=1)


def test_rungs_are_snapshots_a_factor_apart_before_the_end() -> None:
    assert list(Halving(first=1, factor=3).rungs(100_000, 2_000)) == [2_000, 6_000, 18_000, 54_000]
    assert list(Halving(first=2, factor=2).rungs(16, 2)) == [4, 8]
    assert list(Halving().rungs(12, 12)) == []


def test_the_best_third_of_those_so_far_goes_on() -> None:
    """By hand: of n arrivals, the newcomer stays if fewer than max(1, ⌊n / 3⌋) beat it."""
    rule = Halving(factor=3)
    arrived: list[float] = []
    kept = []
    for value in [5.0, 4.0, 6.0, 5.5, 7.0, 6.5, 6.0, 6.0, 6.6]:
        kept.append(rule.keeps(value, arrived, higher_is_better=True))
        arrived.append(value)
    #                5     4      6     5.5    7     6.5   6.0    6.0    6.6 (second of nine: three go on)
    assert kept == [True, False, True, False, True, True, False, False, True]
    assert rule.keeps(1.0, [2.0, 3.0], higher_is_better=False)
    assert not rule.keeps(4.0, [2.0, 3.0], higher_is_better=False)


def test_the_number_of_points_is_no_part_of_the_declaration() -> None:
    assert search(points={"smoke": 9}).declared() == search().declared()
    assert search(pruner=Halving()).declared() != search().declared()
