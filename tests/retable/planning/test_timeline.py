"""The hours that a plan takes on stated nodes, against hand arithmetic and bounds that hold for every schedule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.planning.placement import Node, WorkerGroup
from retable.planning.timeline import RemainingTrial, hours_on

ONE, TWO = WorkerGroup(), WorkerGroup(workers=2)


def cpus(*counts: int) -> list[Node]:
    return [Node(f"n{at}", {"CPU": count}) for at, count in enumerate(counts)]


@pytest.mark.parametrize(
    ("works", "nodes", "hours"),
    [
        ([], cpus(1), 0),
        ([RemainingTrial("a", ONE, 3), RemainingTrial("b", ONE, 2)], cpus(2), 3),
        ([RemainingTrial("a", ONE, 3), RemainingTrial("b", ONE, 2)], cpus(1), 5),
        ([RemainingTrial("a", ONE, 3), RemainingTrial("b", ONE, 2, requires=("a",))], cpus(2), 5),
        ([RemainingTrial("a", ONE, 3, requires=("done before",))], cpus(1), 3),
        # Two are needed at once: b waits for a, and c does not slip in between for more than its turn.
        ([RemainingTrial("a", ONE, 3), RemainingTrial("b", TWO, 1), RemainingTrial("c", ONE, 4)], cpus(2), 8),
        # What finds no room is left out, with all that waits for it.
        (
            [
                RemainingTrial("a", WorkerGroup(workers=9), 9),
                RemainingTrial("b", ONE, 2),
                RemainingTrial("c", ONE, 1, ("a",)),
            ],
            cpus(2),
            2,
        ),
        ([RemainingTrial("a", TWO, 1)], cpus(1, 1), 1),
    ],
)
def test_hours_by_hand(works: list[RemainingTrial], nodes: list[Node], hours: float) -> None:
    assert hours_on(works, nodes) == hours


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=12), st.integers(1, 3))
def test_hours_lie_between_what_no_schedule_beats_and_one_after_the_other(
    trials: list[tuple[int, int]], size: int
) -> None:
    works = [
        RemainingTrial(str(at), WorkerGroup(workers=workers), hours)
        for at, (workers, hours) in enumerate(trials)
    ]
    hours = hours_on(works, cpus(*[4] * size))
    area = sum(workers * hours for workers, hours in trials) / (4 * size)
    longest = max((hours for _, hours in trials), default=0)
    assert max(area, longest) <= hours + 1e-9
    assert hours <= sum(hours for _, hours in trials)
