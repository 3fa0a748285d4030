"""The two spreads of a cell, never mixed: over training seeds and over evaluation repeats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from retable.run import Score


@dataclass(frozen=True)
class Summary:
    """Scores of one cell over its training seeds.

    Attributes:
        value: mean over the seeds.
        std_seeds: sample standard deviation (n - 1) of the seeds' values; None below two seeds.
        std_repeats: what the papers print after ±: the standard deviation over evaluation repeats (of KID, over the
            subsets of all repeats), as the root mean square of the seeds' own; None where a seed was evaluated once.
        n_seeds: how many seeds.
    """

    value: float
    std_seeds: float | None
    std_repeats: float | None
    n_seeds: int


def summarise(scores: Sequence[Score]) -> Summary:
    """Sum up the scores of several seeds under one protocol.

    Raises:
        ValueError: there are none.
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
