"""Workers and synchronised batch norm, with worker groups of real processes over gloo (tests/worker group.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from retable.trial.distributed import SyncBatchNorm2d, Workers, unwrapped

if TYPE_CHECKING:
    from tests.conftest import WorkerGroup

Result = dict[str, list[float]]
SIZE = 3


def test_micro_batches_are_shared_out_in_contiguous_parts() -> None:
    assert Workers(0, 1).indices(4) == [range(4)]
    assert [Workers(rank, 2).indices(8, accumulate=2) for rank in (0, 1)] == [
        [range(2), range(4, 6)],
        [range(2, 4), range(6, 8)],
    ]


def test_a_batch_that_cannot_be_shared_equally_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batch_size=6, accumulate=2, workers=2; use a number of workers"):
        Workers(0, 2).indices(6, accumulate=2)
    with pytest.raises(ValueError, match="multiple of the workers"):
        Workers().indices(5, accumulate=2)


@pytest.mark.parametrize(("count", "size"), [(10, 3), (2, 4), (0, 2), (7, 1)])
def test_evaluation_shares_cover_everything_once(count: int, size: int) -> None:
    shares = [Workers(rank, size).share(count) for rank in range(size)]
    assert [index for share in shares for index in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_worker_needs_no_process_group() -> None:
    workers, module = Workers(), nn.Linear(2, 2)
    assert workers.wrap(module) is module
    assert unwrapped(module) is module
    assert workers.mean({"a": torch.tensor(2.5), "b": torch.tensor([1])}) == {"a": 2.5, "b": 1.0}
    assert workers.mean({}) == {}
    assert workers.gather(torch.ones(3)).tolist() == [1, 1, 1]
    assert workers.agree(True)
    assert workers.from_first(7) == 7
    with workers.accumulating(module):
        pass


def test_one_worker_is_torchs_batch_norm() -> None:
    ours, theirs, x = SyncBatchNorm2d(3), nn.BatchNorm2d(3), torch.randn(4, 3, 2, 2)
    assert torch.equal(ours(x), theirs(x))


@pytest.fixture(scope="module")
def found(worker_group: WorkerGroup, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Result]]:
    """What a worker group of three found in each case, by rank."""
    ranks = worker_group(__file__, SIZE, tmp_path_factory.mktemp("worker_group"))
    return {case: [rank[case] for rank in ranks] for case in CASES}


def test_a_worker_groups_batch_norm_is_torchs_on_the_whole_batch(found: dict[str, list[Result]]) -> None:
    """Values, gradients of inputs and parameters, running statistics; and a second use of the same layer."""
    parts = found["batch_norm"]
    x, norm, loss = batch_norm_case(SIZE, nn.BatchNorm2d)
    expected = {
        "weight": loss_gradient(loss, norm.weight),
        "bias": loss_gradient(loss, norm.bias),
        "mean": norm.running_mean,
        "var": norm.running_var,
    }
    for part in parts:
        for name, value in expected.items():
            assert value is not None
            assert part[name] == pytest.approx(value.tolist(), rel=1e-10, abs=1e-10), name
        assert part["tracked"] == [2.0]
    own = torch.cat([torch.tensor(part["x"], dtype=torch.float64) for part in parts])
    torch.testing.assert_close(own, loss_gradient(loss, x).flatten(), rtol=1e-10, atol=1e-10)
    assert sum(part["loss"][0] for part in parts) == pytest.approx(float(loss.detach()), rel=1e-12)


def test_bfloat16_statistics_are_taken_in_float32(found: dict[str, list[Result]]) -> None:
    """A mean of 100 with a spread of 1 is beyond what bfloat16's 8 bits can tell apart."""
    for part in found["bfloat16_norm"]:
        assert part["bfloat16"] == [1.0]
        assert part["spread"] == pytest.approx([1.0], abs=0.2)


def test_a_worker_group_averages_gradients_and_gathers_in_rank_order(found: dict[str, list[Result]]) -> None:
    for part in found["collectives"]:
        assert part["mean"] == [2.0]
        assert part["gathered"] == [0.0, 1.0, 1.0, 2.0, 2.0, 2.0]
        assert part["first"] == [40.0]
        assert part["agree"] == [0.0]
        assert part["gradient"] == [2.0]
        assert part["accumulated"] == [6.0]


# What follows runs in the worker group's processes.


def batch_norm_case(
    size: int, layer: type[nn.BatchNorm2d], rank: int | None = None
) -> tuple[Tensor, nn.BatchNorm2d, Tensor]:
    """The input (leaf), the layer and a loss that is a sum over samples, for the whole batch or one rank's part; float64."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2 * size, 3, 4, 5, generator=generator).double() * 3 + torch.tensor([0, 10, -4]).view(
        1, 3, 1, 1
    )
    target = torch.randn(2 * size, 3, 4, 5, generator=generator).double()
    part = slice(None) if rank is None else slice(2 * rank, 2 * rank + 2)
    x = x[part].clone().requires_grad_()
    norm = layer(3, eps=2e-5, momentum=0.1, dtype=torch.float64)
    nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
    first = norm(x)
    return x, norm, (norm(first.tanh() + x) * target[part]).square().sum()


def loss_gradient(loss: Tensor, of: Tensor) -> Tensor:
    return torch.autograd.grad(loss, of, retain_graph=True)[0]


def batch_norm(workers: Workers) -> Result:
    x, norm, loss = batch_norm_case(workers.size, SyncBatchNorm2d, workers.rank)
    gradients = torch.autograd.grad(loss, [x, norm.weight, norm.bias])
    for gradient in gradients[1:]:
        dist.all_reduce(gradient)
    assert norm.num_batches_tracked is not None
    named = dict(
        zip(("x", "weight", "bias"), gradients, strict=True), mean=norm.running_mean, var=norm.running_var
    )
    named |= {"loss": loss.detach()[None], "tracked": norm.num_batches_tracked[None]}
    return {name: value.flatten().tolist() for name, value in named.items() if value is not None}


def bfloat16_norm(workers: Workers) -> Result:
    generator = torch.Generator().manual_seed(workers.rank)
    x = (torch.randn(64, 1, 4, 4, generator=generator) + 100).bfloat16()
    y = SyncBatchNorm2d(1)(x)
    return {"bfloat16": [float(y.dtype == torch.bfloat16)], "spread": [float(y.detach().float().std())]}


def collectives(workers: Workers) -> Result:
    """A linear layer whose gradient on rank r is r + 1 for one sample."""
    linear = nn.Linear(1, 1, bias=False)
    wrapped = workers.wrap(linear)
    x = torch.tensor([[workers.rank + 1.0]])

    def backward() -> float:
        torch.autograd.backward(wrapped(x).sum())
        gradient = unwrapped(wrapped).weight.grad
        assert gradient is not None
        return float(gradient)

    gradient = backward()
    linear.zero_grad()
    with workers.accumulating(wrapped):
        backward()
        backward()
    return {
        "mean": [workers.mean({"loss": torch.tensor(workers.rank + 1.0)})["loss"]],
        "gathered": workers.gather(torch.full((workers.rank + 1,), float(workers.rank))).tolist(),
        "first": [float(workers.from_first(40 + workers.rank))],
        "agree": [float(workers.agree(workers.rank == 1))],
        "gradient": [gradient],
        "accumulated": [backward()],
    }


CASES: dict[str, Callable[[Workers], Result]] = {
    "batch_norm": batch_norm,
    "bfloat16_norm": bfloat16_norm,
    "collectives": collectives,
}


def as_worker(workers: Workers, folder: Path) -> dict[str, Result]:
    return {name: case(workers) for name, case in CASES.items()}
