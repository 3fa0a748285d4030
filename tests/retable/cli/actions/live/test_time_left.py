"""Time left, by hand: start-up and iterations apart, families apart, as many side by side as now."""

from retable.cli.actions.live.time_left import Spent, TimeLeft, time_left


def test_nothing_is_known_before_something_has_started() -> None:
    starting = Spent("gan", starting=5.0, busy=None, done=0, left=100)
    assert time_left([], [starting], {"gan": [100]}) == TimeLeft(0.0, complete=False)


def test_a_trial_that_waits_will_have_to_start_up_too() -> None:
    ended = Spent("gan", starting=10.0, busy=50.0, done=100, left=0)  # 0.5 s an iteration
    assert time_left([ended], [], {"gan": [100, 200]}) == TimeLeft(10 + 50 + 10 + 100, complete=True)


def test_one_that_is_starting_has_part_of_it_behind_itself() -> None:
    ended = Spent("gan", starting=10.0, busy=50.0, done=100, left=0)
    starting = Spent("gan", starting=4.0, busy=None, done=0, left=100)
    late = Spent("gan", starting=14.0, busy=None, done=0, left=100)
    assert time_left([ended], [starting], {}) == TimeLeft(6 + 50, complete=True)
    assert time_left([ended], [late], {}) == TimeLeft(50, complete=True)


def test_side_by_side_they_share_what_is_left() -> None:
    running = Spent("gan", starting=10.0, busy=30.0, done=50, left=50)  # 0.6 s an iteration, 30 s left each
    assert time_left([], [running, running], {"gan": [100]}) == TimeLeft(
        (30 + 30 + 10 + 60) / 2, complete=True
    )


def test_another_family_takes_another_time() -> None:
    classifier = Spent("c3d", starting=10.0, busy=10.0, done=100, left=0)
    unmeasured = time_left([classifier], [], {"gan": [100]})
    assert unmeasured == TimeLeft(10.0, complete=False)  # "more than": its iterations are not counted
    gan = Spent("gan", starting=10.0, busy=200.0, done=100, left=0)
    assert time_left([classifier, gan], [], {"gan": [100]}) == TimeLeft(10 + 200, complete=True)
