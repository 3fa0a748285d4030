import gc

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from retable.costs.flops import Cost, Op, Rule, Trace, cost, parameters
from retable.trial.step_cost import MIB

ONE = {"aten.relu": Rule(per_output=1), "aten.convolution": Rule(), "aten.addmm": Rule(per_output=1)}


class Block(nn.Module):
    """A convolution of 2 × 5 × 5 to 4 × 5 × 5, ReLU, a linear layer from 100 to 3."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(100, 3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.conv(x)) + 1
        return out


def traced(samples: int = 1) -> list[Op]:
    with torch.device("meta"):
        block, x = Block(), torch.empty(samples, 2, 5, 5)
    with torch.no_grad(), Trace(block) as trace:
        block(x)
    return trace.ops


def test_by_hand() -> None:
    by_name = {op.name: op for op in traced(samples=2)}
    assert by_name["aten.convolution"] == Op("aten.convolution", "conv", 2 * 50, 2 * 100, 4, 2 * 100 * 2 * 9)
    assert by_name["aten.addmm"] == Op("aten.addmm", "head.2", 3, 2 * 3, 4, 2 * 100 * 3)
    assert by_name["aten.relu"] == Op("aten.relu", "head.0", 2 * 100, 2 * 100, 4, 0)
    assert by_name["aten.add"].module == ""


def test_a_convention_is_data() -> None:
    ops = traced()
    assert cost(ops, {}) == Cost(macs=1800 + 300, flops=1800 + 300, written=0)
    assert cost(ops, ONE) == Cost(macs=2100, flops=2100 + 100 + 3, written=4 * (100 + 100 + 3))
    assert cost(ops, {"aten.relu": Rule(per_output=4, written=False)}) == Cost(2100, 2100 + 400, 0)
    summed = Op("aten.sum", "", elements_in=12, elements_out=3, itemsize=8, macs=0)
    assert cost([summed], {"aten.sum": Rule(per_input=1, per_output=-1)}) == Cost(0, 9, 24)
    assert Cost(1, 2_000_000_000, 3 * MIB) + Cost(1, 0, 0) == Cost(2, 2_000_000_000, 3 * MIB)
    assert Cost(1, 2_500_000_000, 3 * MIB).gflops == 2.5
    assert Cost(1, 2_500_000_000, 3 * MIB).memory_mb == 3.0


def test_multiply_accumulates_are_half_of_torchs_own_count() -> None:
    block, x = Block(), torch.randn(3, 2, 5, 5, requires_grad=True)
    with Trace(block) as trace:
        block(x).sum().backward()
    with FlopCounterMode(display=False) as flops:
        block(x).sum().backward()
    macs = sum(op.macs for op in trace.ops)
    assert macs == flops.get_total_flops() // 2
    assert macs == 3 * 3 * 2100  # forward, gradient of the input and of the weights, for 3 samples


def test_nothing_is_computed_or_allocated_on_meta() -> None:
    with torch.device("meta"):
        layer, x = nn.Linear(2**20, 2**20), torch.empty(2**10, 2**20)
    with torch.no_grad(), Trace(layer) as trace:
        layer(x)
    assert sum(op.macs for op in trace.ops) == 2**50
    assert trace.peak == 4 * 2**30


def test_hooks_and_names_do_not_outlive_the_trace_or_an_error() -> None:
    block = Block()
    with pytest.raises(RuntimeError), Trace(block) as trace:
        block(torch.zeros(1, 3, 5, 5))  # a channel too many
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in block.modules())
    with Trace(block) as trace:
        with pytest.raises(RuntimeError):
            block(torch.zeros(1, 3, 5, 5))
        torch.zeros(1)
    assert trace.ops[-1].module == ""
    assert {op.module for op in traced()} == {"conv", "head.0", "head.1", "head.2", ""}


def test_peak_is_what_was_alive_at_once() -> None:
    x = torch.zeros(100, device="meta")
    with Trace() as trace:
        a = x * 2
        b = a + 1
        assert trace.peak == 800
        del a
        c = b * b
        assert trace.peak == 800
        d = c.view(10, 10).t()
        c.mul_(2)
        assert trace.peak == 800
        del c
        e = d + 1  # b, what d is a view of, and e
        assert trace.peak == 1200
    del b, d, e
    gc.collect()


def test_what_was_there_before_is_not_in_the_peak() -> None:
    weight = torch.zeros(1000, requires_grad=True, device="meta")
    with Trace() as trace:
        loss = (weight.view(10, 100).t() * 2).sum()
    assert trace.peak == 4000 + 4
    with Trace() as trace:
        loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert 4000 <= trace.peak <= 8100


def test_parameters() -> None:
    assert parameters(Block()) == 4 * 2 * 9 + 4 + 300 + 3
