"""Which worker groups a cluster can hold, worked out before Ray is asked."""

from itertools import product

import pytest

from retable.cluster.worker_groups import ImpossibleShapeError, checked_slots, slots, worker_group_for
from retable.planning.placement import WorkerGroup


@pytest.mark.parametrize(
    ("nodes", "worker_group", "expected"),
    [
        ([{"CPU": 2}], WorkerGroup(workers=1), 2),
        ([{"CPU": 2}], WorkerGroup(workers=2), 2),
        ([{"CPU": 3}, {"CPU": 3}], WorkerGroup(cpus=2), 2),  # a worker does not span nodes: not floor(6 / 2)
        ([{"CPU": 16, "GPU": 4}], WorkerGroup(cpus=2, gpus=1), 4),
        ([{"CPU": 3, "GPU": 4}], WorkerGroup(cpus=2, gpus=1), 1),
        ([{"CPU": 16, "GPU": 1}, {"CPU": 64}], WorkerGroup(cpus=1, gpus=1), 1),
        ([{"CPU": 4, "GPU": 1}], WorkerGroup(cpus=1, gpus=0.25), 4),
        ([{"CPU": 1}], WorkerGroup(cpus=0.1), 10),  # 1 / 0.1 falls short of 10 in floating point
        ([], WorkerGroup(), 0),
    ],
)
def test_slots_count_whole_workers_node_by_node(
    nodes: list[dict[str, float]], worker_group: WorkerGroup, expected: int
) -> None:
    assert slots(nodes, worker_group) == expected


def test_a_worker_group_that_can_never_run_is_refused_with_what_was_asked_and_what_there_is() -> None:
    with pytest.raises(
        ImpossibleShapeError, match=r"asked for 3 workers of 1 CPUs .* \(2 CPUs, 0 GPUs\) can hold 2"
    ):
        checked_slots([{"CPU": 2}], WorkerGroup(workers=3))
    with pytest.raises(ImpossibleShapeError, match=r"asked for 1 workers of 1 CPUs and 1 GPUs"):
        checked_slots([{"CPU": 8}], WorkerGroup(gpus=1))


@pytest.mark.parametrize("worker_group", [WorkerGroup(workers=0), WorkerGroup(cpus=0), WorkerGroup(gpus=-1)])
def test_a_shape_that_is_none_is_refused(worker_group: WorkerGroup) -> None:
    with pytest.raises(
        ImpossibleShapeError, match="a worker group needs workers >= 1, cpus > 0 and gpus >= 0"
    ):
        checked_slots([{"CPU": 8}], worker_group)


def test_every_accepted_shape_fits_and_every_refused_one_does_not() -> None:
    shapes = list(product(range(1, 5), (1, 2, 3), ([4.0], [2.0, 2.0], [3.0, 1.0])))
    accepted = 0
    for workers, cpus, sizes in shapes:
        nodes = [{"CPU": size} for size in sizes]
        fits = workers <= sum(int(size // cpus) for size in sizes)
        try:
            assert checked_slots(nodes, WorkerGroup(workers=workers, cpus=cpus)) >= workers
            accepted += 1
        except ImpossibleShapeError:
            assert not fits
        else:
            assert fits
    assert 0 < accepted < len(shapes)


GPUS = [{"CPU": 16.0, "GPU": 4.0}, {"CPU": 24.0, "GPU": 4.0}]


@pytest.mark.parametrize(
    ("nodes", "workers", "gpus", "expected"),
    [
        ([{"CPU": 2}], None, None, WorkerGroup(workers=2)),
        ([{"CPU": 1}], None, None, WorkerGroup(workers=1)),
        (GPUS, None, None, WorkerGroup(workers=1, cpus=4, gpus=1)),
        (GPUS, 8, 1, WorkerGroup(workers=8, cpus=4, gpus=1)),
        (GPUS, None, 0, WorkerGroup(workers=2)),
        (GPUS, None, 0.5, WorkerGroup(workers=1, cpus=2, gpus=0.5)),
        (GPUS, None, 0.4, WorkerGroup(workers=1, cpus=2, gpus=0.5)),  # no worker is on two GPUs
        (GPUS, 1, 0.125, WorkerGroup(workers=1, cpus=0.5, gpus=0.125)),
        ([{"CPU": 2, "GPU": 4}], None, None, WorkerGroup(workers=1, cpus=1, gpus=1)),
    ],
)
def test_a_worker_group_has_its_share_of_the_nodes(
    nodes: list[dict[str, float]], workers: int | None, gpus: float | None, expected: WorkerGroup
) -> None:
    assert worker_group_for(nodes, workers, gpus) == expected


def test_thirds_fit_three_times() -> None:
    third = worker_group_for(GPUS, None, 1 / 3)
    assert slots([{"CPU": 100, "GPU": 1}], third) == 3
    assert slots([{"CPU": 100, "GPU": 16}], third) == 48


def test_machines_that_are_yet_to_come_are_taken_to_have_gpus() -> None:
    assert worker_group_for([{"CPU": 0}], None, grows=True) == WorkerGroup(workers=1, gpus=1)
    assert worker_group_for([{"CPU": 4}], None, grows=True) == WorkerGroup(workers=2)
    assert worker_group_for([{"CPU": 0}], None, 0, grows=True) == WorkerGroup(workers=2)


@pytest.mark.parametrize(
    ("workers", "gpus", "message"),
    [(2, 0.5, "--gpus-per-worker 0.5 needs --workers 1, but got 2"), (1, 2, "must be at most 1")],
)
def test_a_gpu_that_workers_of_one_trial_would_share_is_refused(
    workers: int, gpus: float, message: str
) -> None:
    with pytest.raises(ImpossibleShapeError, match=message):
        worker_group_for(GPUS, workers, gpus)
