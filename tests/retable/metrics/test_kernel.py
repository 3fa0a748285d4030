import threading
from itertools import permutations, product

import pytest
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

from retable.metrics.kernel import kernel_distances, squared_mmd
from retable.trial.distributed import Workers
from tests.retable.metrics.threads import Exchange, Threads


def features(count: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


def directly(x: Tensor, y: Tensor) -> float:
    """The definition, pair by pair."""

    def k(a: list[float], b: list[float]) -> float:
        return float((sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3)

    xs, ys = x.double().tolist(), y.double().tolist()
    within = [sum(k(a, b) for a, b in permutations(z, 2)) / (len(z) * (len(z) - 1)) for z in (xs, ys)]
    return sum(within) - 2 * sum(k(a, b) for a, b in product(xs, ys)) / (len(xs) * len(ys))


def test_it_is_the_definition_pair_by_pair() -> None:
    x, y = features(5, 0), features(7, 1, shift=0.5)
    assert squared_mmd(x, y) == pytest.approx(directly(x, y), rel=1e-12)


def test_it_is_what_torchmetrics_computes() -> None:
    x, y = features(40, 2).double(), features(40, 3, shift=1).double()
    assert squared_mmd(x, y) == pytest.approx(float(poly_mmd(x, y)), rel=1e-12)


def test_by_hand() -> None:
    # k(1, 1) = 8, k(1, 0) = k(0, 0) = 1, of one feature: 8 + 1 - 2 · 1.
    assert squared_mmd(torch.ones(2, 1), torch.zeros(3, 1)) == pytest.approx(7)


def test_without_bias_it_is_zero_on_average_between_samples_of_one_distribution() -> None:
    values = torch.tensor([squared_mmd(features(20, 2 * i), features(20, 2 * i + 1)) for i in range(300)])
    assert abs(values.mean()) < 3 * values.std() / 300**0.5
    assert (values < 0).any()


def test_subsets_of_everything_are_one_number() -> None:
    x, y = features(9, 4), features(9, 5)
    assert kernel_distances(x, y, subsets=3, size=9) == pytest.approx([squared_mmd(x, y)] * 3, rel=1e-12)


def test_subsets_differ_are_repeatable_and_average_to_the_whole() -> None:
    x, y = features(60, 6), features(50, 7, shift=0.7)
    values = kernel_distances(x, y, subsets=200, size=25)
    assert values == kernel_distances(x, y, subsets=200, size=25)
    assert len(set(values)) == 200
    mean = torch.tensor(values).mean()
    assert float(mean) == pytest.approx(squared_mmd(x, y), rel=0.05)
    assert values[:3] == kernel_distances(x, y, subsets=3, size=25)


@pytest.mark.parametrize("size", [2, 3])
def test_the_number_of_workers_changes_no_bit(size: int) -> None:
    x, y = features(30, 8), features(30, 9)
    exchange, results = Exchange(size), {}

    def work(rank: int) -> None:
        workers = Threads(rank, size, exchange=exchange)
        results[rank] = kernel_distances(x, y, subsets=7, size=10, workers=workers)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(results.values()) == [kernel_distances(x, y, subsets=7, size=10, workers=Workers())] * size


def test_bad_input_is_refused() -> None:
    x = features(5, 0)
    with pytest.raises(ValueError, match="got size=6 of 5 real and 9 generated ones"):
        kernel_distances(x, features(9, 1), subsets=2, size=6)
    with pytest.raises(ValueError, match="at least 2 samples of either kind"):
        squared_mmd(x, x[:1])
    with pytest.raises(FloatingPointError, match="KID needs finite features"):
        kernel_distances(x, torch.full((5, 6), torch.nan), subsets=2, size=5)
