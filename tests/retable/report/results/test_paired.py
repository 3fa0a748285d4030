import math
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from retable.report.results.statistics import bootstrap_interval, holm, paired, power, seeds_to_decide, t_test

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_holm_on_the_example_of_pingouins_documentation() -> None:
    assert holm([0.50, 0.003, 0.32, 0.054, 0.0003]) == pytest.approx([0.64, 0.012, 0.64, 0.162, 0.0015])


def test_holm_on_the_15_p_values_of_benjamini_and_hochberg_1995() -> None:
    # Their Section 3.2: control of the familywise error at 0.05 rejects the three smallest.
    p = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
    ]
    adjusted = holm(p)
    assert adjusted[:4] == pytest.approx([0.0015, 0.0056, 0.0247, 0.114])
    assert [value < 0.05 for value in adjusted] == [True] * 3 + [False] * 12


@given(P_VALUES)
def test_holm_is_the_closure_of_bonferroni(p: list[float]) -> None:
    def closed(index: int) -> float:
        """The largest Bonferroni p of any set of hypotheses with this one in it."""
        others = [other for other in range(len(p)) if other != index]
        sets = [(index, *more) for size in range(len(p)) for more in combinations(others, size)]
        return max(min(1.0, len(one) * min(p[i] for i in one)) for one in sets)

    assert holm(p) == pytest.approx([closed(index) for index in range(len(p))])


@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_keeps_the_order_and_only_raises(p: list[float], random: Any) -> None:
    adjusted = holm(p)
    assert all(a <= b <= 1 for a, b in zip(p, adjusted, strict=True))
    ordered = [b for _, b in sorted(zip(p, adjusted, strict=True))]
    assert ordered == sorted(ordered)
    turned = random.sample(range(len(p)), len(p))
    assert holm([p[i] for i in turned]) == [adjusted[i] for i in turned]


def test_nothing_to_correct() -> None:
    assert holm([]) == []


@given(st.floats(-50, 50), st.floats(0.01, 50))
def test_two_seeds_by_the_closed_form_of_the_cauchy_distribution(mean: float, std: float) -> None:
    t = abs(mean) / std * math.sqrt(2)
    assert t_test(mean, std, 2) == pytest.approx(1 - 2 / math.pi * math.atan(t), abs=1e-7)  # scipy near t = 0


def test_the_t_test_is_scipys() -> None:
    ours, theirs = [3.1, 2.7, 4.0, 3.3], [2.9, 2.8, 3.1, 2.6]
    sizes = paired([a - b for a, b in zip(ours, theirs, strict=True)])
    assert sizes.p == pytest.approx(stats.ttest_rel(ours, theirs).pvalue)
    assert sizes.mean == pytest.approx(0.425)
    assert sizes.n_seeds == 4


def test_seeds_that_all_differ_by_the_same() -> None:
    same = paired([0.1, 0.1, 0.1])
    assert (same.std, same.low, same.high, same.p) == (0.0, 0.1, 0.1, 0.0)
    assert paired([0.0, 0.0]).p == 1.0


def test_one_seed_has_no_interval() -> None:
    one = paired([1.43])
    assert (one.mean, one.std, one.low, one.high, one.p, one.n_seeds) == (1.43, None, None, None, None, 1)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_differences_that_are_none(values: list[float]) -> None:
    with pytest.raises(ValueError, match="must be finite and at least one"):
        paired(values)


def test_the_bootstrap_against_every_resample() -> None:
    # Of the 5^5 resamples of a symmetric sample; then BCa corrects nothing.
    values = [-2.0, -1.0, 0.0, 1.0, 2.0]
    means = [sum(one) / 5 for one in product(values, repeat=5)]
    exact = np.quantile(means, [0.025, 0.975])
    assert bootstrap_interval(values) == pytest.approx(exact, abs=0.2)  # the means lie 0.2 apart


def test_the_bootstrap_of_many_seeds_is_the_normal_interval() -> None:
    values = [float(one) for one in stats.norm.ppf((np.arange(400) + 0.5) / 400)]
    half = 1.959964 * float(np.std(values)) / math.sqrt(400)  # n, not n - 1: the bootstrap's own spread
    assert bootstrap_interval(values) == pytest.approx((-half, half), rel=0.05)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_bootstrap_interval_is_within_the_sample_and_knows_no_order(
    values: list[int], random: Any
) -> None:
    numbers = [one / 8 for one in values]
    low, high = bootstrap_interval(numbers)
    assert min(numbers) <= low <= high <= max(numbers)
    assert bootstrap_interval(random.sample(numbers, len(numbers))) == (low, high)


def test_power_on_the_documented_output_of_rs_power_t_test() -> None:
    assert power(0.5, 0.3088401, 10) == pytest.approx(0.9947832, abs=1e-6)
    # Dalgaard, Introductory Statistics with R, Section 8.3: n = 19.96892 pairs for power 0.85.
    assert power(10, 10 * math.sqrt(2), 19) < 0.85 < power(10, 10 * math.sqrt(2), 20)


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_seeds_for_cohens_small_medium_and_large_effects(effect: float, seeds: int) -> None:
    assert seeds_to_decide(effect, 1.0) == seeds
    assert power(effect, 1.0, seeds) >= 0.8 > power(effect, 1.0, seeds - 1)


def test_seeds_at_the_ends() -> None:
    assert seeds_to_decide(0.0, 1.0) is None
    assert seeds_to_decide(1e-6, 1.0) is None
    assert seeds_to_decide(-3.0, 0.0) == 2
    assert seeds_to_decide(1e9, 1e-9) == 2


@given(st.floats(0.1, 5), st.floats(1e-4, 0.05))
def test_a_stricter_level_asks_for_no_fewer_seeds(effect: float, alpha: float) -> None:
    loose, strict = seeds_to_decide(effect, 1.0), seeds_to_decide(-effect, 1.0, alpha)
    assert loose is not None
    assert strict is not None
    assert 2 <= loose <= strict
