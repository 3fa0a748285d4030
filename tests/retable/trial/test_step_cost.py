import json

import pytest

from retable.trial.step_cost import CONTEXT_MB, MIB, USABLE, Line, StepCost, divisors, gpus_for, room_mb

COST = StepCost(parameters=2**20, macs=Line(1e9, 2e9), peak=Line(100 * MIB, 1024 * MIB))


def test_a_line_goes_through_its_points() -> None:
    assert Line.through((8, 26.0), (16, 42.0)) == Line(10.0, 2.0)
    assert Line(10.0, 2.0).at(8) == 26.0


def test_operations_of_an_update() -> None:
    assert COST.gflops(8) == 1 + 16
    assert COST.gflops(8, accumulate=4) == 4 + 16


def test_memory_is_weights_moments_and_what_a_step_holds() -> None:
    assert COST.memory_mb(3) == 12 + 100 + 3 * 1024
    assert COST.memory_mb(3, workers=2) == 12 + 100 + 3 * 1024 + 4  # DDP's buckets


def test_memory_is_never_below_what_lies_there_between_steps() -> None:
    small = StepCost(parameters=2**20, macs=Line(0, 0), peak=Line(0, MIB))
    assert small.memory_mb(1) == 16.0
    assert small.memory_mb(1, workers=2) == 20.0
    assert small.memory_mb(8) == 20.0


def test_gpus_share_a_batch_equally() -> None:
    assert divisors(12) == [1, 2, 3, 4, 6, 12]
    assert room_mb(12) == USABLE * (12 * 1024 - CONTEXT_MB) == pytest.approx(10568.96)
    # At most 10 samples of 1 GiB, and 12 can be had as 12, 6, 4, 3, 2 or 1 a GPU.
    assert gpus_for(COST, 10, 12) == 1
    assert gpus_for(COST, 12, 12) == 2
    assert gpus_for(COST, 13, 12) == 13
    assert gpus_for(COST, 12, 2) == 12
    assert gpus_for(COST, 12, 1) is None


def test_a_cost_survives_json() -> None:
    assert StepCost.from_json(json.loads(json.dumps(COST.to_json()))) == COST
