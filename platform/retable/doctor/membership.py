"""Whether the nodes that are meant to be in the cluster are in it."""

from collections.abc import Sequence

from retable.doctor.finding import Finding, failure, ok


def membership(expected: Sequence[str], there: Sequence[tuple[str, str]]) -> Finding:
    """Whether all that are expected have joined.

    Args:
        expected: addresses of the nodes that a cluster's file names; none where nodes come and go.
        there: (address, name) of each living node.
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
