import numpy as np

from retable.trial.random import stream


def test_a_draw_depends_on_its_position_only() -> None:
    first = stream(7, "z", 3, 1).uniform(size=4)
    for iteration in range(3):
        stream(7, "z", iteration, 0).uniform(size=100)
    assert np.array_equal(stream(7, "z", 3, 1).uniform(size=4), first)


def test_seed_purpose_and_position_each_give_other_numbers() -> None:
    draws = [
        stream(seed, purpose, *position).integers(2**62)
        for seed, purpose, position in [
            (7, "z", (3, 1)),
            (8, "z", (3, 1)),
            (7, "clip", (3, 1)),
            (7, "z", (1, 3)),
            (7, "z", (31,)),
            (7, "z", (3,)),
        ]
    ]
    assert len(set(draws)) == len(draws)


def test_streams_do_not_change_between_versions() -> None:
    """Every signature's numbers rest on these: a change is a line under "Numbers changed"."""
    assert stream(0, "clip", 12, 5).integers(1_000_000, size=3).tolist() == [351337, 114860, 819872]
