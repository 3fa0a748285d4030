"""Drawing of the embedded clips.

A class is a pair of a thing and its motion. The two things that share a motion also share their outline: one
frame is consistent with two or three motions, and optical flow is consistent with two things, so that only
both together give the class. Everything else varies between clips, and most of it between their groups, as in
UCF101.

Array arithmetic is + - × ÷ and square root in float32, which every machine rounds in the same way.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from retable.trial.random import stream

Plane = NDArray[np.float32]

HEIGHTS = (64, 76, 80, 88, 96)
ASPECTS = (4 / 3, 4 / 3, 4 / 3, 1.0, 3 / 2)
RATES = (Fraction(12), Fraction(15), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30))
SHORTEST, LONGEST = 24, 60  # frames

COLOURS = {  # two paints for each thing
    "Ball": ((222, 40, 40), (250, 245, 240)),
    "Target": ((250, 215, 50), (35, 75, 215)),
    "Gift": ((35, 160, 70), (255, 130, 205)),
    "Board": ((250, 140, 20), (40, 25, 70)),
}
DISCS, SQUARES = ("Ball", "Target"), ("Gift", "Board")
MOTIONS = {DISCS: ("Bounce", "Orbit", "Slide"), SQUARES: ("Pulse", "Spin")}
CLASSES = tuple(
    sorted(
        f"{thing}{motion}" for things, motions in MOTIONS.items() for thing in things for motion in motions
    )
)


@dataclass(frozen=True)
class Pose:
    """Pose of a thing: offset from its base in frame heights, scale, and angle in radians."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    angle: float = 0.0


# Motions: (cycles since the start, amplitude from 0 to 1) -> pose.
MOVES: dict[str, Callable[[float, float], Pose]] = {
    "Bounce": lambda c, a: Pose(y=(0.19 + 0.06 * a) * (1 - 2 * abs(math.sin(math.pi * c)))),
    "Orbit": lambda c, a: Pose(
        x=(0.16 + 0.06 * a) * math.cos(math.tau * c), y=(0.16 + 0.06 * a) * math.sin(math.tau * c)
    ),
    "Slide": lambda c, a: Pose(x=(0.19 + 0.06 * a) * math.sin(math.tau * c)),
    "Pulse": lambda c, a: Pose(scale=1 + (0.3 + 0.1 * a) * math.sin(math.tau * c)),
    "Spin": lambda c, a: Pose(angle=math.pi * c),
}

# Half a thing's size, in frame heights. One frame of a pulse looks like a small or a large thing that spins.
RADII = {
    "Bounce": (0.26, 0.32),
    "Orbit": (0.26, 0.32),
    "Slide": (0.26, 0.32),
    "Pulse": (0.25, 0.29),
    "Spin": (0.17, 0.38),
}


@dataclass(frozen=True)
class Scene:
    """A drawn clip: uint8 frames (T, H, W, 3) RGB, and frames a second."""

    frames: NDArray[np.uint8]
    rate: Fraction


def draw(name: str, group: int, clip: int) -> Scene:
    """Draw the clip of a class: a pure function of its name and numbers."""
    thing = next(thing for thing in COLOURS if name.startswith(thing))
    motion = name.removeprefix(thing)
    kind = CLASSES.index(name)

    shared = stream(0, "embedded group", kind, group)
    height = int(shared.choice(HEIGHTS))
    width = round(height * float(shared.choice(ASPECTS)) / 2) * 2
    rate = RATES[int(shared.integers(len(RATES)))]
    paints = [np.float32(shared.integers(-18, 19, 3) + paint) for paint in COLOURS[thing]]
    backdrop = _backdrop(shared)
    light = np.float32(shared.uniform(0.85, 1.08))

    own = stream(0, "embedded clip", kind, group, clip)
    length = int(own.integers(SHORTEST, LONGEST + 1))
    base_x, base_y = own.uniform(-0.1, 0.1, 2)
    radius, angle = own.uniform(*RADII[motion]), own.uniform(0, math.tau)
    cycles = own.uniform() + np.arange(length) * own.choice((-1, 1)) / own.uniform(14, 20)
    amplitude = own.uniform()
    start_x, start_y = own.uniform(0, 96, 2)
    drift_x, drift_y = own.uniform(0.3, 1.2, 2) * own.choice((-1, 1), 2)

    frames = np.empty((length, height, width, 3), np.uint8)
    for t, cycle in enumerate(cycles):
        pose = MOVES[motion](float(cycle), amplitude)
        picture = _window(backdrop, height, width, start_y + t * drift_y, start_x + t * drift_x)
        u, v = _coordinates(height, width, base_x + pose.x, base_y + pose.y, angle + pose.angle)
        paint, cover = _thing(thing, u, v, np.float32(radius * pose.scale * height))
        colour = paints[0] + (paints[1] - paints[0]) * paint[..., None]
        picture += (colour - picture) * cover[..., None]
        frames[t] = np.clip(picture * light, 0, 255).astype(np.uint8)
    return Scene(frames, rate)


def _backdrop(random: np.random.Generator) -> NDArray[np.float32]:
    """Periodic texture (96, 96, 3): two octaves of noise between two dull colours."""
    noise = 0.65 * _octave(random, 8) + 0.35 * _octave(random, 24)
    grey = random.uniform(60, 120)
    dark, bright = (np.float32(grey + shift + random.uniform(-22, 22, 3)) for shift in (-40, 40))
    return np.asarray(dark + (bright - dark) * noise[..., None], np.float32)


def _octave(random: np.random.Generator, cells: int, size: int = 96) -> Plane:
    """Periodic noise in 0..1 on a grid of so many cells, interpolated linearly."""
    grid = random.uniform(size=(cells, cells)).astype(np.float32)
    for _ in range(2):
        place = np.arange(size, dtype=np.float32) * np.float32(cells / size)
        cell = place.astype(np.int64)
        part = (place - cell)[:, None]
        grid = (grid[cell] * (1 - part) + grid[(cell + 1) % cells] * part).T
    return grid


def _window(
    backdrop: NDArray[np.float32], height: int, width: int, top: float, left: float
) -> NDArray[np.float32]:
    """Window of a periodic texture, interpolated linearly between its pixels."""
    rows, columns = math.floor(top) + np.arange(height + 1), math.floor(left) + np.arange(width + 1)
    seen = backdrop[rows % len(backdrop)][:, columns % len(backdrop)]
    down, right = np.float32(top - math.floor(top)), np.float32(left - math.floor(left))
    seen = seen[:-1] * (1 - down) + seen[1:] * down
    return np.asarray(seen[:, :-1] * (1 - right) + seen[:, 1:] * right)


def _coordinates(height: int, width: int, x: float, y: float, angle: float) -> tuple[Plane, Plane]:
    """Coordinates of each pixel along a thing's own axes, in pixels from its centre."""
    down = (np.arange(height) - height * (0.5 + y)).astype(np.float32)[:, None]
    right = (np.arange(width) - width / 2 - height * x).astype(np.float32)[None, :]
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return right * cos + down * sin, down * cos - right * sin


def _thing(thing: str, u: Plane, v: Plane, r: np.float32) -> tuple[Plane, Plane]:
    """Share of the second paint, and coverage of the backdrop, both (H, W) in 0..1."""
    if thing in DISCS:
        distance = np.sqrt(u * u + v * v)
        cover = _inside(r - distance)
        if thing == "Ball":  # six sectors
            half, root = np.float32(0.5), np.float32(math.sqrt(3) / 2)
            return _alternating(v, half * v - root * u, half * v + root * u), cover
        return _alternating(distance - r * np.float32(0.36), distance - r * np.float32(0.7)), cover
    side = r * np.float32(0.85)
    cover = _inside(side - np.maximum(np.abs(u), np.abs(v)))
    if thing == "Gift":  # a ribbon each way
        return _inside(side * np.float32(0.26) - np.minimum(np.abs(u), np.abs(v))), cover
    third = side / 3
    return _alternating(u - third, u + third, v - third, v + third), cover


def _inside(depth: Plane) -> Plane:
    """Mask with 1 inside and 0 outside, and a transition of one pixel."""
    return np.asarray(np.clip(depth + np.float32(0.5), 0, 1), np.float32)


def _alternating(*distances: Plane) -> Plane:
    """Mask of 0 and 1 that changes where a distance changes its sign, with a transition of two pixels."""
    product = np.ones_like(distances[0])
    for distance in distances:
        product *= np.clip(distance, -1, 1)
    return np.asarray((1 + product) / 2, np.float32)
