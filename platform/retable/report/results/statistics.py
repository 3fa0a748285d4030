"""Statistics of a report: spreads over seeds and over evaluation repeats, never mixed; paired tests; Holm's correction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy import stats

from retable.trial.learner import Score

ALPHA = 0.05
"""Family-wise error rate of a table, and one minus the confidence of an interval."""
POWER = 0.8
"""Power of the test with the number of seeds that is advised."""
MOST_SEEDS = 10_000
RESAMPLES = 9_999


@dataclass(frozen=True)
class Paired:
    """Summary of the differences of several seeds.

    Attributes:
        mean: mean of the differences.
        std: sample standard deviation (n - 1); None for one seed.
        low: lower end of the 95% bootstrap interval of the mean; None for one seed.
        high: upper end of that interval; None for one seed.
        p: two-sided p of the paired t test, not corrected; None for one seed.
        n_seeds: number of seeds.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None
    p: float | None
    n_seeds: int


def paired(differences: Sequence[float]) -> Paired:
    """Summarise the differences, one for each seed.

    Raises:
        ValueError: there are no differences, or one is not finite.
    """
    if not differences or not np.isfinite(differences).all():
        raise ValueError(f"differences must be finite and at least one, but got {list(differences)}")
    mean, count = math.fsum(differences) / len(differences), len(differences)
    if count == 1:
        return Paired(mean, None, None, None, None, 1)
    # Exactly 0 if all are equal, in spite of rounding of the mean.
    std = float(np.std(differences, ddof=1)) if min(differences) != max(differences) else 0.0
    low, high = bootstrap_interval(differences)
    return Paired(mean, std, low, high, t_test(mean, std, count), count)


def t_test(mean: float, std: float, n: int) -> float:
    """Two-sided p of t = mean / (std / √n) with n - 1 degrees of freedom, for normal differences of mean 0."""
    if std == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / std * math.sqrt(n), n - 1))


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """95% interval of a mean by scipy's BCa bootstrap, with a fixed seed.

    It lies between the smallest and the largest value. For n values of a symmetric distribution it therefore covers the
    true mean with a probability of at most 1 - 2^(1 - n): 0.5 for two, 0.75 for three, 0.94 for five.
    """
    if min(values) == max(values):
        return values[0], values[0]
    found = stats.bootstrap(
        (np.sort(values),),  # sorted, so that the interval does not depend on the order of the seeds
        np.mean,
        confidence_level=1 - ALPHA,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's method (1979), which bounds the family-wise error rate by the level.

    The k-th smallest of m is multiplied by m - k + 1; the results are made monotone and at most 1.
    """
    ascending = np.argsort(p, kind="stable")
    scaled = np.asarray(p, dtype=float)[ascending] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[ascending] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


def power(mean: float, std: float, n: int, alpha: float = ALPHA) -> float:
    """Power of a paired two-sided t test over n seeds to find a difference in its true direction.

    From the noncentral t distribution, for normal differences with that mean and standard deviation.
    """
    critical = stats.t.isf(alpha / 2, n - 1)
    noncentrality = min(abs(mean) / std * math.sqrt(n), 1e6)  # for larger values scipy returns nan
    return float(stats.nct.sf(critical, n - 1, noncentrality))


def seeds_to_decide(mean: float, std: float, alpha: float = ALPHA) -> int | None:
    """Smallest number of seeds with which a paired t test has power 0.8, at the given mean and spread.

    Args:
        mean: mean of the differences.
        std: sample standard deviation of the differences.
        alpha: level of the test; for a corrected test, the level divided by the number of comparisons.

    Returns:
        None if there is no difference to find, or more than 10,000 seeds would be needed.
    """
    if mean == 0:
        return None
    if std == 0:
        return 2
    # A t test needs at least as many seeds as a normal test, which knows the spread.
    normal = ((stats.norm.isf(alpha / 2) + stats.norm.isf(1 - POWER)) * std / abs(mean)) ** 2
    if normal > MOST_SEEDS:
        return None
    return next(
        (n for n in range(max(2, int(normal)), MOST_SEEDS + 1) if power(mean, std, n, alpha) >= POWER), None
    )


@dataclass(frozen=True)
class Summary:
    """Summary of the scores of one cell over its training seeds.

    Attributes:
        value: mean over the seeds.
        std_seeds: sample standard deviation (n - 1) of the seeds' values; None for one seed.
        std_repeats: standard deviation over evaluation repeats (of KID, over the subsets of all repeats), which papers
            print after ±: the root mean square over the seeds. None if a seed was evaluated once.
        n_seeds: number of seeds.
    """

    value: float
    std_seeds: float | None
    std_repeats: float | None
    n_seeds: int


def summarise(scores: Sequence[Score]) -> Summary:
    """Summarise the scores of several seeds under one protocol.

    Raises:
        ValueError: there are no scores.
    """
    if not scores:
        raise ValueError("a summary needs at least one score, but got none")
    values = [score.value for score in scores]
    within = [score.std for score in scores if score.std is not None]
    return Summary(
        value=fmean(values),
        std_seeds=stdev(values) if len(values) > 1 else None,
        std_repeats=math.sqrt(fmean(std**2 for std in within)) if len(within) == len(scores) else None,
        n_seeds=len(values),
    )
