"""Random streams that are pure functions of what they are for.

A draw never depends on how many were made before it, so the same iteration gives the same numbers on one worker
or on four, and after a restart (DESIGN idea 6).
"""

import hashlib

import numpy as np


def stream(seed: int, purpose: str, *position: int) -> np.random.Generator:
    """The generator for one purpose at one position, such as ``stream(7, "clip", iteration, index)``.

    Args:
        seed: the trial's training seed, any int.
        purpose: what the numbers are for; two purposes never share numbers.
        position: non-negative ints, usually the iteration and the global sample index.
    """
    text = "/".join([str(seed), purpose, *map(str, position)])
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))
