import threading

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.metrics import precision_recall as module
from retable.metrics.precision_recall import Manifold, precision_recall
from tests.retable.metrics.threads import Exchange, Threads


def features(count: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) * scale + shift


def directly(x: Tensor, y: Tensor, k: int) -> float:
    """The part of y inside a ball of x, sample by sample."""
    xs, ys = x.double().numpy(), y.double().numpy()
    radii = [
        sorted(np.linalg.norm(a - b) for j, b in enumerate(xs) if j != i)[k - 1] for i, a in enumerate(xs)
    ]
    inside = [any(np.linalg.norm(b - a) <= r for a, r in zip(xs, radii, strict=True)) for b in ys]
    return sum(inside) / len(inside)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("rows", [4, 512])
def test_it_is_the_definition_sample_by_sample(k: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    real, fake = features(23, 0), features(17, 1, shift=0.6)
    found = precision_recall(real, fake, k)
    assert found == (directly(real, fake, k), directly(fake, real, k))
    assert all(0 < value < 1 for value in found)


def test_on_a_line() -> None:
    # To the second neighbour: balls [0, 0 + 2], [1 - 1, 1 + 1], [2 - 2, 2 + 2] and [10 - 9, 10 + 9].
    manifold = Manifold(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), neighbours=2)
    assert manifold.squared_radii_N.sqrt().tolist() == [2, 1, 2, 9]
    assert manifold.covers(torch.tensor([[-2.0], [-2.1], [19.0], [19.5]])) == 0.5


def test_samples_far_from_real_ones_have_neither() -> None:
    assert precision_recall(features(20, 2), features(20, 3, shift=100)) == (0, 0)


def test_real_samples_themselves_have_both() -> None:
    real = features(20, 4)
    assert precision_recall(real, real) == (1, 1)


def test_a_narrow_generator_is_precise_and_recalls_little() -> None:
    precision, recall = precision_recall(features(200, 5), features(200, 6, scale=0.1))
    assert precision == 1
    assert recall < 0.1


def test_a_collapsed_generator_recalls_nothing() -> None:
    precision, recall = precision_recall(features(50, 7), torch.zeros(50, 4))
    assert (precision, recall) == (1, 0)


@pytest.mark.parametrize("size", [2, 3])
def test_the_number_of_workers_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 8)
    real, fake = features(30, 8), features(12, 9, shift=0.5)
    alone, exchange, results = precision_recall(real, fake), Exchange(size), {}

    def work(rank: int) -> None:
        results[rank] = precision_recall(real, fake, 3, Threads(rank, size, exchange=exchange))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(results.values()) == [alone] * size


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="neighbours must be from 1 .* but got 3 of 3"):
        Manifold(features(3, 0))
    with pytest.raises(FloatingPointError, match="need finite features"):
        Manifold(torch.full((9, 4), torch.inf))
