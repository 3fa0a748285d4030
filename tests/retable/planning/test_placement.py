"""Worker groups on nodes: packed where they can be, spread where they must, none overtaken for ever, none over-committed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.planning.placement import Node, PendingTrial, Placement, Reservation, WorkerGroup, choose, place
from retable.trial.step_cost import room_mb


def machines(*cpus: float) -> list[Node]:
    return [Node(f"n{at}", {"CPU": count}) for at, count in enumerate(cpus)]


def cards(*counts: tuple[int, float]) -> list[Node]:
    """Nodes of so many GPUs of so many GB, with 4 CPUs each."""
    return [Node(f"g{at}", {"CPU": 4 * n, "GPU": n}, gb) for at, (n, gb) in enumerate(counts)]


def found(worker_group: WorkerGroup, nodes: Sequence[Node], free: Sequence[Node] | None = None) -> Placement:
    placement = place(worker_group, nodes, nodes if free is None else free)
    assert placement is not None
    return placement


def test_a_worker_group_that_fits_on_one_node_is_packed_on_the_tightest() -> None:
    placement = found(WorkerGroup(workers=2), machines(8, 2, 4))
    assert (placement.counts, placement.strategy, placement.nodes) == ({"n1": 2}, "STRICT_PACK", ("n1", "n1"))
    assert placement.reason == "packed on one node"


def test_a_worker_group_that_fits_on_no_node_is_spread_over_the_fewest() -> None:
    placement = found(WorkerGroup(workers=5), machines(1, 3, 2, 1))
    assert (placement.counts, placement.strategy) == ({"n1": 3, "n2": 2}, "PACK")
    assert placement.reason == "spread over 2 nodes: no node has 5 CPUs"
    gpus = found(WorkerGroup(workers=4, cpus=2, gpus=1), cards((2, 80), (2, 80)))
    assert gpus.reason == "spread over 2 nodes: no node has 4 GPUs"


def test_a_worker_group_that_a_busy_node_could_hold_waits_for_it() -> None:
    nodes = machines(2, 1, 1)
    assert place(WorkerGroup(workers=2), nodes, [nodes[0].less({"CPU": 1}), *nodes[1:]]) is None
    assert found(WorkerGroup(workers=3), nodes, nodes).counts == {"n0": 2, "n1": 1}  # no node ever could


def test_what_no_node_holds_is_placed_nowhere() -> None:
    assert place(WorkerGroup(workers=5), machines(2, 2), machines(2, 2)) is None
    assert place(WorkerGroup(cpus=3), machines(2, 2), machines(2, 2)) is None  # a worker is on one node
    assert place(WorkerGroup(gpus=1), machines(8), machines(8)) is None
    assert place(WorkerGroup(), [], []) is None


def test_a_worker_group_without_gpus_keeps_off_the_nodes_that_have_some() -> None:
    assert found(WorkerGroup(workers=2), [*cards((1, 80)), *machines(64)]).counts == {"n0": 2}


def test_the_smallest_gpus_that_hold_the_forecast_are_taken() -> None:
    nodes = cards((4, 80), (4, 24), (8, 12))
    for memory, chosen in ((0, "g2"), (room_mb(12), "g2"), (room_mb(12) + 1, "g1"), (room_mb(24) + 1, "g0")):
        assert found(WorkerGroup(gpus=1, memory_mb=memory), nodes).counts == {chosen: 1}
    assert place(WorkerGroup(gpus=1, memory_mb=room_mb(80) + 1), nodes, nodes) is None
    unknown = [Node("u", {"CPU": 1, "GPU": 1})]
    assert found(WorkerGroup(gpus=1, memory_mb=10**6), unknown).counts == {"u": 1}


def test_a_worker_group_is_spread_only_over_gpus_that_hold_it() -> None:
    worker_group = WorkerGroup(workers=4, gpus=1, memory_mb=room_mb(24) + 1)
    placement = found(worker_group, cards((2, 80), (8, 24), (2, 80)))
    assert placement.counts == {"g0": 2, "g2": 2}
    assert placement.reason == "spread over 2 nodes: no node has 4 GPUs with 21.4 GB for each worker"
    few = found(worker_group, cards((2, 80), (3, 24), (2, 80)))
    assert few.reason == "spread over 2 nodes: no node has 4 GPUs"


def test_fractions_share_a_gpu_and_its_memory() -> None:
    (node,) = cards((1, 24))
    third = WorkerGroup(cpus=1, gpus=0.3333)
    assert node.holds(third) == 3
    assert node.less({"GPU": 2 * 0.3333}).holds(third) == 1
    assert node.less({"GPU": 3 * 0.3333}).holds(third) == 0
    assert node.holds(replace(third, memory_mb=room_mb(24))) == 0
    assert node.holds(replace(third, memory_mb=room_mb(24, 0.3333))) == 3


def test_the_first_that_does_not_fit_keeps_its_place_until_it_does() -> None:
    nodes = machines(4)
    busy = [nodes[0].less({"CPU": 3})]
    large, small = PendingTrial("large", WorkerGroup(workers=3)), PendingTrial("small", WorkerGroup())
    choice = choose([large, small], nodes, busy)
    assert choice.start is None
    assert choice.reservation == Reservation(large, {"n0": 3})
    # One more worker ends: two are free, and three of four are kept.
    choice = choose([large, small], nodes, [nodes[0].less({"CPU": 2})], choice.reservation)
    assert choice.start is None
    choice = choose([large, small], nodes, [nodes[0].less({"CPU": 1})], choice.reservation)
    assert choice.start is not None
    assert (choice.start[0], choice.reservation) == (large, None)


def test_those_behind_run_beside_what_is_kept() -> None:
    nodes = machines(4, 2)
    busy = [nodes[0].less({"CPU": 2}), nodes[1]]
    large, small = PendingTrial("large", WorkerGroup(workers=4)), PendingTrial("small", WorkerGroup())
    choice = choose([large, small], nodes, busy)
    assert choice.start is not None
    assert (choice.start[0], choice.start[1].counts) == (small, {"n1": 1})
    assert choice.reservation == Reservation(large, {"n0": 4})


def test_a_place_on_a_node_that_goes_is_given_up() -> None:
    nodes = machines(4, 4)
    wish = PendingTrial("large", WorkerGroup(workers=4))
    kept = Reservation(wish, {"n1": 4})
    busy = [nodes[0].less({"CPU": 1})]
    assert choose([wish], nodes[:1], busy, kept).reservation == Reservation(wish, {"n0": 4})
    assert choose([], nodes[:1], busy, kept).reservation is None
    other = PendingTrial("large", WorkerGroup(workers=2))  # the same trial, which now wants less
    assert choose([other], nodes, busy, kept).start is not None


@dataclass
class Floor:
    """A cluster on which worker groups run for as long as they like. Amounts are exact."""

    nodes: list[Node]
    running: list[tuple[int, PendingTrial, Placement]] = field(default_factory=list)

    def free(self) -> list[Node]:
        left = self.nodes
        for _, wish, placement in self.running:
            taken = {
                n: {r: a * c for r, a in wish.worker_group.worker.items()}
                for n, c in placement.counts.items()
            }
            left = [node.less(taken.get(node.name, {})) for node in left]
        return left

    def taken(self, name: str, resource: str) -> Fraction:
        return sum(
            (
                Fraction(wish.worker_group.worker.get(resource, 0)) * placement.counts.get(name, 0)
                for _, wish, placement in self.running
            ),
            Fraction(),
        )


WORKER_GROUPS = st.builds(
    WorkerGroup,
    workers=st.integers(1, 6),
    cpus=st.sampled_from([1, 2, 3]),
    gpus=st.sampled_from([0, 0, 0.25, 0.5, 1]),
    memory_mb=st.sampled_from([0, room_mb(12), room_mb(24)]),
)
NODES = st.lists(
    st.tuples(st.integers(1, 8), st.integers(0, 4), st.sampled_from([12.0, 24.0, None])),
    min_size=1,
    max_size=5,
).map(lambda all_: [Node(f"n{at}", {"CPU": c, "GPU": g}, gb) for at, (c, g, gb) in enumerate(all_)])


@settings(max_examples=200, deadline=None)
@given(NODES, st.lists(st.tuples(WORKER_GROUPS, st.integers(1, 9)), max_size=12), st.data())
def test_nothing_starves_is_over_committed_or_waits_in_vain(
    nodes: list[Node], work: list[tuple[WorkerGroup, int]], data: st.DataObject
) -> None:
    """Trials of random shapes and lengths; small ones keep coming from behind for as long as any of the first waits."""
    floor = Floor(nodes)
    waiting = [
        PendingTrial(f"t{at}", worker_group)
        for at, (worker_group, _) in enumerate(work)
        if place(worker_group, nodes, nodes)
    ]
    lengths = {f"t{at}": length for at, (_, length) in enumerate(work)}
    first = {wish.key for wish in waiting}
    longest = max(lengths.values(), default=0)
    reservation, clock, started = None, 0, []
    while first & {wish.key for wish in waiting}:
        assert clock <= (longest + 4) * (len(work) + 1), "a trial waits for ever"
        while True:
            free = floor.free()
            choice = choose(waiting, nodes, free, reservation)
            reservation = choice.reservation
            if choice.start is None:
                break
            wish, placement = choice.start
            assert sum(placement.counts.values()) == wish.worker_group.workers
            alone = [node for node in nodes if node.holds(wish.worker_group) >= wish.worker_group.workers]
            assert (len(placement.counts) == 1) == (bool(alone) or wish.worker_group.workers == 1)
            for node in nodes:
                if node.name in placement.counts:
                    assert node.holds(wish.worker_group)  # by the forecast, too
            floor.running.append((clock + lengths.get(wish.key, 4), wish, placement))
            waiting.remove(wish)
            started.append(wish.key)
            for node in nodes:
                for resource, amount in node.resources.items():
                    assert floor.taken(node.name, resource) <= amount
        # Nothing that waits fits beside what is kept for one.
        for wish in waiting:
            if reservation is None:
                assert place(wish.worker_group, nodes, free) is None
            elif wish != reservation.trial:
                assert place(wish.worker_group, nodes, reservation.beside(free)) is None
        if waiting:
            assert reservation is not None
            assert reservation.trial in waiting
        clock += 1
        floor.running = [one for one in floor.running if one[0] > clock]
        key = f"late{clock}"
        worker_group = data.draw(st.sampled_from([WorkerGroup(), WorkerGroup(cpus=2)]))
        if place(worker_group, nodes, nodes):
            waiting.append(PendingTrial(key, worker_group))


@given(NODES, WORKER_GROUPS)
def test_what_is_kept_lies_on_nodes_that_can_hold_it(nodes: list[Node], worker_group: WorkerGroup) -> None:
    nothing = [node.less(node.resources) for node in nodes]
    reservation = choose([PendingTrial("one", worker_group)], nodes, nothing).reservation
    possible = place(worker_group, nodes, nodes)
    assert (reservation is None) == (possible is None)
    if reservation is not None:
        assert sum(reservation.counts.values()) == worker_group.workers
        assert all(node.holds(worker_group) >= reservation.counts.get(node.name, 0) for node in nodes)
        assert (len(reservation.counts) == 1) == (possible is not None and len(possible.counts) == 1)


@pytest.mark.parametrize("worker_group", [WorkerGroup(workers=3), WorkerGroup(workers=2, cpus=2)])
def test_words_for_what_a_worker_group_needs(worker_group: WorkerGroup) -> None:
    assert worker_group.needs == f"{worker_group.workers * worker_group.cpus:g} CPUs"
    assert WorkerGroup().needs == "1 CPU"
    assert WorkerGroup(gpus=0.5).needs == "0.5 GPUs"
