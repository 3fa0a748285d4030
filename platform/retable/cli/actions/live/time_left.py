"""Time that a run will still take, from the times of its attempts so far: start-up and iterations apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """Time of one attempt so far.

    Attributes:
        trainable: its model family; an iteration of another family takes another time.
        starting: seconds before its first sign of life.
        busy: seconds since then, evaluations included; None while it is starting.
        done: iterations in them.
        left: iterations that it still has to do; 0 when it has ended.
    """

    trainable: str
    starting: float
    busy: float | None
    done: int
    left: int


@dataclass(frozen=True)
class TimeLeft:
    """Seconds that are left; `complete` unless a family was not measured yet, so that it takes longer."""

    seconds: float
    complete: bool


def time_left(ended: Iterable[Spent], running: Iterable[Spent], waiting: Mapping[str, list[int]]) -> TimeLeft:
    """Seconds left if as many attempts go on side by side as now.

    Args:
        waiting: trainable -> iterations of each of its trials that has not begun.
    """
    now = list(running)
    known = [*ended, *now]
    started = [spent.starting for spent in known if spent.busy is not None]
    start = sum(started) / len(started) if started else 0.0
    seconds, complete = 0.0, bool(started)
    for spent in now:
        rate = _rate(known, spent.trainable)
        seconds += spent.left * (rate or 0.0)
        seconds += max(start - spent.starting, 0.0) if spent.busy is None else 0.0
        complete = complete and (rate is not None or spent.left == 0)
    for trainable, iterations in waiting.items():
        rate = _rate(known, trainable)
        seconds += len(iterations) * start + sum(iterations) * (rate or 0.0)
        complete = complete and (rate is not None or not iterations)
    return TimeLeft(seconds / max(len(now), 1), complete)


def _rate(known: Iterable[Spent], trainable: str) -> float | None:
    """Seconds an iteration of that family has taken."""
    these = [
        spent for spent in known if spent.trainable == trainable and spent.busy is not None and spent.done
    ]
    done = sum(spent.done for spent in these)
    return sum(spent.busy or 0.0 for spent in these) / done if done else None
