"""Checks of a cluster's nodes: their clocks agree, and all expected nodes have joined."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import time

from retable.doctor.finding import Finding, failure, ok, warning

SOME_SECONDS, MANY_SECONDS = 1.0, 30.0
"""Skew, in seconds, above which times of runs and leases look wrong, and above which a lease of 60 s can seem expired."""


@dataclass(frozen=True)
class Skew:
    """The difference between another clock and ours.

    Attributes:
        seconds: seconds that the other clock is ahead; negative if it is behind.
        within: half of the round trip, the uncertainty: the answer may have been given at any time in it.
    """

    seconds: float
    within: float


def skew(trips: Iterable[tuple[float, float, float]]) -> Skew:
    """The skew, by the quickest of several round trips.

    Args:
        trips: (sent, answered, received), the second by the other clock, in seconds.
    """
    sent, answered, received = min(trips, key=lambda trip: trip[2] - trip[0])
    return Skew(answered - (sent + received) / 2, (received - sent) / 2)


def measure_skew(ask: Callable[[], float], times: int = 10) -> Skew:
    """The skew of a clock that `ask` reads.

    Args:
        times: number of round trips; the first are slow, since connections are made in them.
    """
    trips = []
    for _ in range(times):
        sent = time()
        answered = ask()
        trips.append((sent, answered, time()))
    return skew(trips)


def clock(here: Skew, *, some: float = SOME_SECONDS, many: float = MANY_SECONDS) -> Finding:
    """Check that a node's clock agrees with the driver's.

    Args:
        some: skew in seconds above which the finding is a warning.
        many: skew in seconds above which the finding is a failure.
    """
    check = "clock"
    ahead = f"{abs(here.seconds):.3f} s {'ahead of' if here.seconds >= 0 else 'behind'} the driver's"
    found = f"{ahead}, within {here.within:.3f} s"
    off = abs(here.seconds) - here.within
    advice = "keep it by NTP: timedatectl set-ntp true, or chronyd"
    if off > many:
        return failure(check, found, advice)
    if off > some:
        return warning(check, found, advice)
    return ok(check, found)


def membership(expected: Sequence[str], there: Sequence[tuple[str, str]]) -> Finding:
    """Check that all expected nodes have joined.

    Args:
        expected: addresses of the nodes in the cluster's file; empty where nodes come and go.
        there: (address, name) of each live node.
    """
    check = "nodes"
    count = f"{len(there)} {'node' if len(there) == 1 else 'nodes'}"
    names = ", ".join(name if name == address else f"{name} ({address})" for address, name in there)
    absent = [address for address in expected if address not in dict(there)]
    if absent:
        return failure(
            check,
            f"{', '.join(absent)} did not join; there: {names or 'none'}",
            "`ray up` again; /tmp/ray/retable/start.log on the absent node says why it did not start",
        )
    return ok(check, f"{count}: {names}")
