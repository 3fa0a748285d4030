"""Solids of the embedded images, as distance functions.

A solid is a function of points (3, N) in its own axes, y up, that gives each one's distance to its surface
(N,), negative inside and never too long outside: a ray may step that far. All lie within a unit ball around
the origin.

Array arithmetic is + - × ÷ and square root in float32, which every machine rounds in the same way.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Solid = Callable[[Floats], Floats]


def length(*parts: Floats) -> Floats:
    """Lengths of vectors, given by their components."""
    total = parts[0] * parts[0]
    for part in parts[1:]:
        total = total + part * part
    return np.asarray(np.sqrt(total), np.float32)


def _at(p: Floats, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Floats:
    return p - np.array([[x], [y], [z]], np.float32)


def _ball(p: Floats, radius: float) -> Floats:
    return length(*p) - np.float32(radius)


def _bar(p: Floats, axis: int, half: float, radius: float) -> Floats:
    """A rod with round ends along an axis."""
    along = p[axis] - np.clip(p[axis], -half, half)
    across = [p[other] for other in range(3) if other != axis]
    return length(along, *across) - np.float32(radius)


def _both(a: Floats, b: Floats) -> Floats:
    """Intersection of an outline (distance a) and a slab (distance b) at right angles to it."""
    outside = length(np.maximum(a, 0), np.maximum(b, 0))
    return np.minimum(np.maximum(a, b), 0) + outside


def _drum(p: Floats, radius: float, half: float) -> Floats:
    """An upright cylinder."""
    return _both(length(p[0], p[2]) - np.float32(radius), np.abs(p[1]) - np.float32(half))


def _torus(p: Floats, axis: int, radius: float, thickness: float) -> Floats:
    """A ring around an axis."""
    across = [p[other] for other in range(3) if other != axis]
    return length(length(*across) - np.float32(radius), p[axis]) - np.float32(thickness)


def _joined(a: Floats, b: Floats, width: float) -> Floats:
    """Union with a fillet of this width."""
    overlap = np.maximum(np.float32(width) - np.abs(a - b), 0)
    return np.asarray(np.minimum(a, b) - overlap * overlap / np.float32(4 * width), np.float32)


def ball(p: Floats) -> Floats:
    """A ball."""
    return _ball(p, 0.8)


def cone(p: Floats) -> Floats:
    """A cone on its base, with a worn tip."""
    slope = (
        length(p[0], p[2]) * np.float32(1.5) + (p[1] - np.float32(0.85)) * np.float32(0.62)
    ) / np.float32(math.hypot(1.5, 0.62))
    return _both(slope, np.float32(-0.72) - p[1]) - np.float32(0.05)


def cube(p: Floats) -> Floats:
    """A cube with rounded edges."""
    q = np.abs(p) - np.float32(0.49)
    outside = length(*np.maximum(q, 0))
    return np.asarray(outside + np.minimum(np.max(q, axis=0), 0) - np.float32(0.05), np.float32)


def gem(p: Floats) -> Floats:
    """An octahedron whose top is cut off."""
    x, y, z = np.abs(p)
    faces = (x + y + z - np.float32(0.95)) / np.float32(math.sqrt(3))
    return np.asarray(np.maximum(faces, p[1] - np.float32(0.34)) - np.float32(0.02), np.float32)


def jack(p: Floats) -> Floats:
    """Three crossed rods with knobs."""
    rods = [_bar(p, axis, 0.75, 0.11) for axis in range(3)]
    core = _joined(_joined(rods[0], rods[1], 0.1), rods[2], 0.1)
    x, y, z = np.abs(p)
    # By symmetry only the nearest knob of each axis counts.
    knobs = [
        length(x - np.float32(0.76), y, z),
        length(x, y - np.float32(0.76), z),
        length(x, y, z - np.float32(0.76)),
    ]
    return np.minimum(core, np.minimum(np.minimum(*knobs[:2]), knobs[2]) - np.float32(0.2))


def mug(p: Floats) -> Floats:
    """A cup with a handle."""
    hollow = _drum(_at(p, y=0.14), 0.42, 0.62)
    wall = np.maximum(_drum(p, 0.5, 0.58), -hollow)
    handle = np.maximum(_torus(_at(p, x=0.52), 2, 0.3, 0.085), np.float32(0.46) - length(p[0], p[2]))
    return np.asarray(np.minimum(wall, handle) - np.float32(0.02), np.float32)


def mushroom(p: Floats) -> Floats:
    """A domed cap on a stem."""
    high = _at(p, y=0.08)
    dome = (length(high[0], high[1] * np.float32(1.15), high[2]) - np.float32(0.76)) / np.float32(1.15)
    cap = np.maximum(dome, -high[1])
    stem = _drum(_at(p, y=-0.32), 0.2, 0.46)
    return _joined(cap, stem, 0.16) - np.float32(0.03)


def ring(p: Floats) -> Floats:
    """A torus."""
    return _torus(p, 2, 0.62, 0.23)


def snowman(p: Floats) -> Floats:
    """Three balls, each smaller than the one below."""
    lower = _joined(_ball(_at(p, y=-0.48), 0.46), _ball(_at(p, y=0.18), 0.33), 0.08)
    return _joined(lower, _ball(_at(p, y=0.64), 0.23), 0.06)


def star(p: Floats) -> Floats:
    """A thick star with five points."""
    tip, notch, turn = 0.9, 0.42, math.pi / 5
    x, y = np.abs(p[0]), p[1]
    for side in (1, -1):  # mirror until half a point, around +y, is left
        across, down = np.float32(side * math.cos(turn)), np.float32(-math.sin(turn))
        beyond = np.maximum(x * across + y * down, 0)
        x, y = x - 2 * beyond * across, y - 2 * beyond * down
    x, y = np.abs(x), y - np.float32(tip)
    edge_x, edge_y = notch * math.sin(turn), notch * math.cos(turn) - tip  # from the tip to the notch
    dx, dy = np.float32(edge_x), np.float32(edge_y)
    along = np.clip((x * dx + y * dy) / np.float32(edge_x**2 + edge_y**2), 0, 1)
    outline = np.copysign(length(x - dx * along, y - dy * along), y * dx - x * dy)
    return _both(outline, np.abs(p[2]) - np.float32(0.16)) - np.float32(0.05)


SOLIDS: Mapping[str, Solid] = {
    "Ball": ball,
    "Cone": cone,
    "Cube": cube,
    "Gem": gem,
    "Jack": jack,
    "Mug": mug,
    "Mushroom": mushroom,
    "Ring": ring,
    "Snowman": snowman,
    "Star": star,
}
