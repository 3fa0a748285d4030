"""Patterns and surfaces of the embedded images: the paint of solids, floors and walls.

A pattern gives each point the share of a second paint, in 0..1. Array arithmetic is + - × ÷ and rounding in
float32, which every machine rounds in the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retable.data.embedded.solids import Floats

GRID = 32  # cells after which noise repeats; a power of 2


@dataclass(frozen=True)
class Noise:
    """Smooth random values in 0..1 over space, from a table of random numbers (GRID, GRID, GRID)."""

    table: Floats

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "Noise":
        """Draw a new noise."""
        return cls(random.uniform(size=(GRID, GRID, GRID)).astype(np.float32))

    def __call__(self, x: Floats, y: Floats, z: Floats | None = None) -> Floats:
        """Values at points, interpolated (eased) between whole coordinates; in the plane z = 0 without z."""
        cells = [_cell(x), _cell(y)] + ([] if z is None else [_cell(z)])
        table = self.table.ravel()
        total = np.zeros_like(x)
        for corner in range(2 ** len(cells)):
            weight, place = np.ones_like(x), np.int32(0)
            for axis, (low, part) in enumerate(cells):
                high = corner >> axis & 1
                weight = weight * (part if high else 1 - part)
                place = place + ((low + high) & (GRID - 1)) * GRID ** (2 - axis)
            total += weight * table.take(place)
        return total

    def fractal(self, x: Floats, y: Floats, z: Floats | None = None) -> Floats:
        """Fractal noise of three octaves, in 0..1."""
        total = np.zeros_like(x)
        for scale, share in ((1, 0.57), (2.03, 0.28), (4.1, 0.15)):
            at = np.float32(scale)
            total += self(x * at, y * at, None if z is None else z * at) * np.float32(share)
        return total

    def tone(self, *cell: Floats) -> Floats:
        """Random value of each cell, given by whole numbers."""
        index = tuple(c.astype(np.int64) % GRID for c in cell)
        return np.asarray(self.table[(*index, *([7] * (3 - len(index))))], np.float32)


def _cell(x: Floats) -> tuple[NDArray[np.int32], Floats]:
    """Whole number below each value, and the eased fraction to the next one."""
    low = np.floor(x)
    part = x - low
    return low.astype(np.int32), part * part * (3 - 2 * part)


def _wave(x: Floats) -> Floats:
    """A triangle wave of period 1 in 0..1."""
    return np.abs(2 * (x - np.floor(x)) - 1)


def _step(x: Floats, width: float) -> Floats:
    """Step from 0 to 1 at 0, with a transition of this width."""
    return np.asarray(np.clip(x / np.float32(width) + np.float32(0.5), 0, 1), np.float32)


def single_paint(p: Floats, noise: Noise) -> Floats:
    """One paint."""
    return np.zeros_like(p[0])


def stripes(p: Floats, noise: Noise) -> Floats:
    """Parallel bands."""
    return _step(_wave(p[1] * np.float32(2.6)) - np.float32(0.5), 0.06)


def checks(p: Floats, noise: Noise) -> Floats:
    """Alternating cubes."""
    product = np.float32(1)
    for axis in range(3):
        product = product * np.clip(
            (_wave(p[axis] * np.float32(1.7) + np.float32(0.25)) - np.float32(0.5)) * 16, -1, 1
        )
    return np.asarray((1 + product) / 2, np.float32)


def spots(p: Floats, noise: Noise) -> Floats:
    """Balls on a lattice."""
    q = p * np.float32(2.3)
    q = q - np.floor(q) - np.float32(0.5)
    return _step(np.float32(0.125) - (q[0] * q[0] + q[1] * q[1] + q[2] * q[2]), 0.02)


def marble(p: Floats, noise: Noise) -> Floats:
    """Veins."""
    bent = p[0] * np.float32(1.1) + noise.fractal(*(p * np.float32(2.2))) * np.float32(2.4)
    wave = _wave(bent)
    return 1 - wave * wave * wave


def swirl(p: Floats, noise: Noise) -> Floats:
    """Clouds of two paints."""
    return _step(noise.fractal(*(p * np.float32(3.1))) - np.float32(0.5), 0.16)


PATTERNS: tuple[Callable[[Floats, Noise], Floats], ...] = (
    single_paint,
    stripes,
    checks,
    spots,
    marble,
    swirl,
)


@dataclass(frozen=True)
class Ground:
    """Surface of a floor or a wall: tiles in rows, with joints between them, in two paints.

    Attributes:
        length, height: size of a tile; 0 for a surface without tiles.
        shift: offset of each row against the last one, in tiles; random if negative.
        contrast: difference between tiles.
        grain: fineness of the noise; along v it is `stretch` times finer than along u.
        joint: width of the joints.
    """

    length: float = 0.0
    height: float = 0.0
    shift: float = 0.0
    contrast: float = 0.0
    grain: float = 5.0
    stretch: float = 1.0
    joint: float = 0.03

    def __call__(self, u: Floats, v: Floats, noise: Noise) -> tuple[Floats, Floats]:
        """Share of the second paint, and brightness of the surface, at points (u, v)."""
        u, v = u + 16, v + 16
        rough = noise.fractal(u * np.float32(self.grain), v * np.float32(self.grain * self.stretch))
        if not self.length:
            return rough, np.float32(0.8) + np.float32(0.4) * rough
        row = np.floor(v / np.float32(self.height))
        shift = row * np.float32(self.shift) if self.shift >= 0 else noise.tone(row) * 7
        across = u / np.float32(self.length) + shift
        column = np.floor(across)
        tone = (noise.tone(row, column) - np.float32(0.5)) * np.float32(self.contrast) + np.float32(0.5)
        inward_u = (np.float32(0.5) - np.abs(across - column - np.float32(0.5))) * np.float32(self.length)
        inward_v = (
            np.float32(0.5) - np.abs(v / np.float32(self.height) - row - np.float32(0.5))
        ) * np.float32(self.height)
        seam = _step(np.minimum(inward_u, inward_v) - np.float32(self.joint), self.joint)
        share = np.clip(tone + (rough - np.float32(0.5)) * np.float32(0.7), 0, 1)
        return share, (np.float32(0.45) + np.float32(0.55) * seam) * (
            np.float32(0.85) + np.float32(0.3) * rough
        )


GROUNDS = (
    Ground(length=2.6, height=0.36, shift=-1, contrast=0.8, grain=1.3, stretch=7, joint=0.008),  # planks
    Ground(length=0.8, height=0.8, contrast=0.5, grain=2.5, joint=0.014),  # tiles
    Ground(length=0.72, height=0.3, shift=0.5, contrast=0.9, grain=5, joint=0.018),  # bricks
    Ground(grain=2.2),  # stone
    Ground(grain=9),  # carpet
    Ground(grain=1.6, stretch=9),  # brushed
)
