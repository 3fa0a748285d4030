import math

import pytest

from retable.report.results.statistics import Summary, summarise
from retable.trial.learner import Score


def test_one_seed_has_the_papers_spread_only() -> None:
    assert summarise([Score(22.81, 0.52, 10)]) == Summary(22.81, None, 0.52, 1)


def test_two_spreads_by_hand() -> None:
    summary = summarise([Score(1.0, 0.3, 10), Score(2.0, 0.4, 10), Score(3.0, 0.5, 10)])
    assert summary.value == 2.0
    assert summary.std_seeds == pytest.approx(1.0)  # ((1 + 0 + 1) / (3 - 1)) ** 0.5
    assert summary.std_repeats == pytest.approx(math.sqrt((0.09 + 0.16 + 0.25) / 3))
    assert summary.n_seeds == 3


def test_equal_seeds_leave_no_spread_between_them() -> None:
    assert summarise([Score(1.93, 0.04, 10)] * 2).std_seeds == 0.0


def test_a_seed_evaluated_once_leaves_the_repeats_spread_unknown() -> None:
    assert summarise([Score(1.0, 0.3, 10), Score(2.0)]).std_repeats is None


def test_nothing_to_sum_up() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        summarise([])
