import pytest
import torch

from retable.metrics.nearest import nearest, squared_distances


def test_the_nearest_are_those_of_all_distances() -> None:
    draw = torch.Generator().manual_seed(0)
    queries, samples = (torch.randn(count, 4, generator=draw) for count in (5, 23))
    all_MN = torch.cdist(queries.double(), samples.double())
    distances, numbers = nearest(queries, torch.split(samples, 6), 3)
    expected = all_MN.sort(dim=1)
    torch.testing.assert_close(distances, expected.values[:, :3])
    assert torch.equal(numbers, expected.indices[:, :3])
    torch.testing.assert_close(squared_distances(queries.double(), samples), all_MN.square())


def test_a_sample_itself_is_at_no_distance() -> None:
    samples = torch.randn(8, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    distances, numbers = nearest(samples, [samples[:3], samples[3:]], 1)
    assert numbers[:, 0].tolist() == list(range(8))
    # Each of |x|², |y|² and 2 x·y, at most 2 |x|², is off by 3 roundings or less, and so are their two sums.
    terms = 5 * 4 * torch.finfo(torch.float64).eps * samples.square().sum(dim=1).max()
    assert distances.max() <= terms.sqrt()


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="3 neighbours need as many samples, but there are 2"):
        nearest(torch.zeros(1, 2), [torch.zeros(2, 2)], 3)
