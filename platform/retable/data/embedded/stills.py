"""Drawing of the embedded images: a solid that stands on a floor before a wall, lit by one lamp.

The class is the shape of the solid alone. Paints, patterns, pose, floor, wall, light and camera have the same
distribution in all classes. The picture of a name and a number is the same at every size, except for its
sharpness.

Array arithmetic is + - × ÷ and square root in float32, which every machine rounds in the same way.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retable.data.embedded.patterns import GROUNDS, PATTERNS, Ground, Noise
from retable.data.embedded.solids import SOLIDS, Floats, Solid, length
from retable.trial.random import stream

CLASSES = tuple(SOLIDS)
ASPECTS = ((1, 1), (1, 1), (4, 3), (3, 4), (3, 2))  # width to height
FOCAL = 1.45  # in shorter sides of the picture
LEANING = {
    "Ball": 0.9,
    "Gem": 0.9,
    "Jack": 0.9,
    "Ring": 0.6,
    "Star": 0.5,
}  # radians; the others stand upright
FRONTAL = {
    "Mug": 0.9,
    "Ring": 0.9,
    "Star": 0.8,
}  # largest turn in radians: from the side they look like others
STEPS, CLOSE = 64, 2e-3  # of a ray

PAINTS = (
    (214, 48, 49), (232, 126, 4), (247, 202, 24), (106, 176, 76), (22, 160, 133), (52, 152, 219), (41, 84, 196),
    (142, 68, 173), (233, 100, 160), (245, 240, 230), (60, 60, 68), (150, 90, 50),
)  # fmt: skip
DULL = (
    (176, 150, 118), (140, 106, 78), (150, 155, 160), (108, 116, 124), (190, 186, 176), (128, 142, 120),
    (120, 134, 156), (168, 128, 112), (96, 84, 80), (200, 196, 204),
)  # fmt: skip


@dataclass(frozen=True)
class _Surface:
    ground: Ground
    paints: tuple[Floats, Floats]
    noise: Noise

    def albedo(self, u: Floats, v: Floats) -> Floats:
        share, bright = self.ground(u, v, self.noise)
        return _mixed(self.paints, share) * bright


@dataclass(frozen=True)
class _Scene:
    """A scene. Vectors are columns (3, 1) or (3, N) in world axes: y up, the wall at negative z.

    Attributes:
        turn: rows are the solid's own axes.
        centre: position of its origin.
        frame: the camera's axes (right, up, forward) as rows.
    """

    solid: Solid
    pattern: Callable[[Floats, Noise], Floats]
    paints: tuple[Floats, Floats]
    noise: Noise
    gloss: np.float32
    turn: Floats
    centre: Floats
    floor: _Surface
    wall: _Surface
    depth: np.float32
    eye: Floats
    frame: Floats
    lamp: Floats
    ambient: np.float32

    def light(self, u: Floats, v: Floats) -> Floats:
        """Linear light (3, N) at points (u, v), in shorter sides of the picture from its middle, v up."""
        right, up, forward = self.frame[:, :, None]
        rays = _unit(forward * np.float32(FOCAL) + right * u + up * v)
        colour, far = self._background(rays)
        eye, inward = _turned(self.turn, self.eye - self.centre), _turned(self.turn, rays)
        near, leave = _through_ball(eye, inward)
        seen = np.flatnonzero(leave > near)
        distance, hit = _march(self.solid, eye, inward[:, seen], near[seen], np.minimum(leave, far)[seen])
        seen = seen[hit]
        colour[:, seen] = self._surface(eye + inward[:, seen] * distance[hit], inward[:, seen])
        return colour

    def _background(self, rays: Floats) -> tuple[Floats, Floats]:
        """Light from the floor or the wall (3, N), and its distance (N,)."""
        down = np.where(rays[1] < -1e-4, rays[1], np.float32(-1e-4))
        to_floor, to_wall = -self.eye[1] / down, (self.depth - self.eye[2]) / rays[2]
        low = to_floor < to_wall
        far = np.where(low, to_floor, to_wall)
        p = self.eye + rays * far
        albedo = np.empty_like(p)
        albedo[:, low] = self.floor.albedo(p[0, low], p[2, low])
        albedo[:, ~low] = self.wall.albedo(p[0, ~low], p[1, ~low])
        facing = np.where(low, self.lamp[1], self.lamp[2])
        own, lamp = _turned(self.turn, p - self.centre), _turned(self.turn, self.lamp)
        lit = np.ones_like(far)
        near, leave = _through_ball(own, np.broadcast_to(lamp, own.shape))
        shaded = np.flatnonzero((leave > near) & (leave > 0))
        lit[shaded] = _shadow(self.solid, own[:, shaded], lamp, np.maximum(near[shaded], 0))
        # Less of the sky is seen beside the solid and where floor and wall meet.
        beside = np.clip(length(*own) - np.float32(0.55), 0, 1)
        corner = np.clip(np.where(low, p[2] - self.depth, p[1]) * np.float32(1.4) + np.float32(0.35), 0, 1)
        sky = (
            self.ambient
            * (np.float32(0.45) + np.float32(0.55) * beside)
            * (np.float32(0.6) + np.float32(0.4) * corner)
        )
        return albedo * (sky + (1 - self.ambient) * facing * lit), far

    def _surface(self, p: Floats, rays: Floats) -> Floats:
        """Light from points of the solid (3, N) along rays, all in its own axes."""
        normal = _normal(self.solid, p)
        lamp, above = _turned(self.turn, self.lamp), self.turn[:, 1:2]
        grain = np.float32(0.93) + np.float32(0.14) * self.noise(*(p * 11))
        albedo = _mixed(self.paints, self.pattern(p, self.noise)) * grain
        facing = np.maximum(_dot(normal, lamp), 0)
        lit = np.zeros_like(facing)
        front = np.flatnonzero(facing > 0)
        start = p[:, front] + normal[:, front] * np.float32(0.02)
        lit[front] = _shadow(self.solid, start, lamp, np.zeros(front.size, np.float32))
        upward = _dot(normal, above)
        sky = self.ambient * (np.float32(0.68) + np.float32(0.32) * upward)
        bounced = self.floor.paints[0] * (np.float32(0.22) * self.ambient) * (1 - upward)
        shine = np.maximum(_dot(normal, _unit(lamp - rays)), 0)
        for _ in range(5):  # to the power of 32
            shine = shine * shine
        rim = 1 + np.minimum(_dot(normal, rays), 0)
        glint = (shine * facing + np.float32(0.12) * rim * rim * rim) * lit * self.gloss
        return np.asarray(albedo * (sky + bounced + (1 - self.ambient) * facing * lit) + glint, np.float32)


def draw(name: str, number: int, size: int) -> NDArray[np.uint8]:
    """Draw the picture of a class and a number: uint8 (H, W, 3) RGB, whose shorter side is `size`."""
    random = stream(0, "embedded image", CLASSES.index(name), number)
    wide, high = ASPECTS[int(random.integers(len(ASPECTS)))]
    width, height = (size * side // min(wide, high) for side in (wide, high))
    scene = _scene(name, random)

    rows, columns = np.divmod(np.arange(height * width), width)
    u = ((columns + 0.5 - width / 2) / size).astype(np.float32)
    v = ((height / 2 - rows - 0.5) / size).astype(np.float32)
    light = scene.light(u, v)
    # Where neighbours differ, four rays a pixel instead of one.
    edges = np.flatnonzero(_edges(_coded(light).reshape(3, height, width)))
    finer = np.zeros((3, edges.size), np.float32)
    for right, up in ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125)):
        finer += scene.light(u[edges] + np.float32(right / size), v[edges] + np.float32(up / size))
    light[:, edges] = finer / 4
    picture = (_coded(light) * 255 + np.float32(0.5)).astype(np.uint8)
    return np.ascontiguousarray(picture.reshape(3, height, width).transpose(1, 2, 0))


def _scene(name: str, random: np.random.Generator) -> _Scene:
    solid = SOLIDS[name]
    first, second = random.choice(len(PAINTS), 2, replace=False)
    turn = _rotation(random, FRONTAL.get(name, math.pi), LEANING.get(name, 0.0))
    height = -_lowest(solid, turn)
    floor, wall = _ground(random), _ground(random)
    around, above = random.uniform(-0.42, 0.42), random.uniform(0.2, 0.62)
    distance = random.uniform(3.7, 4.6)
    aim = np.array([random.uniform(-0.22, 0.22), height + random.uniform(-0.18, 0.14), 0.0])
    back = np.array([math.sin(around) * math.cos(above), math.sin(above), math.cos(around) * math.cos(above)])
    side = np.array([math.cos(around), 0.0, -math.sin(around)])
    lamp = np.array(
        [
            random.choice((-1, 1)) * random.uniform(0.35, 1.1),
            random.uniform(0.9, 1.6),
            random.uniform(0.5, 1.1),
        ]
    )
    return _Scene(
        solid=solid,
        pattern=PATTERNS[int(random.integers(len(PATTERNS)))],
        paints=(_paint(PAINTS[int(first)], random), _paint(PAINTS[int(second)], random)),
        noise=Noise.drawn(random),
        gloss=np.float32(random.choice((0.08, 0.35, 0.7))),
        turn=turn,
        centre=_column(np.array([0.0, height, 0.0])),
        floor=floor,
        wall=wall,
        depth=np.float32(random.uniform(-2.6, -1.5)),
        eye=_column(aim + distance * back),
        frame=np.array([side, _cross(back, side), -back], np.float32),
        lamp=_column(lamp / math.sqrt(sum(float(c) * float(c) for c in lamp))),
        ambient=np.float32(random.uniform(0.3, 0.45)),
    )


def _ground(random: np.random.Generator) -> _Surface:
    first, second = random.choice(len(DULL), 2, replace=False)
    kind = GROUNDS[int(random.integers(len(GROUNDS)))]
    return _Surface(
        kind, (_paint(DULL[int(first)], random), _paint(DULL[int(second)], random)), Noise.drawn(random)
    )


def _paint(colour: tuple[int, int, int], random: np.random.Generator) -> Floats:
    """Paint with a small random offset, as linear light (3, 1)."""
    coded = np.clip((np.array(colour) + random.uniform(-14, 14, 3)) / 255, 0, 1)
    return _column(coded * coded)


def _rotation(random: np.random.Generator, most: float, tilt: float) -> Floats:
    """Axes of a solid that is tilted, then turned about the vertical, each by at most so many radians."""
    a, b = random.uniform(-most, most), random.uniform(-tilt, tilt)
    (ca, sa), (cb, sb) = ((math.cos(x), math.sin(x)) for x in (a, b))
    return np.array([[ca, 0, -sa], [sa * sb, cb, ca * sb], [sa * cb, -sb, ca * cb]], np.float32)


def _lowest(solid: Solid, turn: Floats) -> float:
    """Lowest height of a turned solid relative to its origin, a negative number."""
    line = np.linspace(-1, 1, 33, dtype=np.float32)
    grid = np.stack([part.ravel() for part in np.meshgrid(line, line, line)])
    inside = solid(grid)
    heights = grid[0] * turn[0, 1] + grid[1] * turn[1, 1] + grid[2] * turn[2, 1]
    return float(np.min((heights + inside)[inside < 0]))  # around a point, a ball of that radius is inside


def _march(
    solid: Solid, start: Floats, rays: Floats, near: Floats, far: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Distance along each ray to the solid (N,), and True where it is less than `far`."""
    distance = near.copy()
    going = np.arange(near.size)
    for _ in range(STEPS):
        if not going.size:
            break
        step = solid(start + rays[:, going] * distance[going])
        distance[going] += step
        going = going[(step > CLOSE) & (distance[going] < far[going])]
    return distance, distance < far


def _shadow(solid: Solid, points: Floats, lamp: Floats, near: Floats) -> Floats:
    """Visible share of the lamp at points (N,), 0..1: the nearer a ray comes to the solid, the less."""
    distance, lit = near + np.float32(0.03), np.ones_like(near)
    going = np.arange(near.size)
    for _ in range(28):
        if not going.size:
            break
        step = solid(points[:, going] + lamp * distance[going])
        lit[going] = np.minimum(lit[going], 9 * step / (distance[going] + np.float32(0.15)))
        distance[going] += np.clip(step, 0.03, 0.4)
        going = going[(lit[going] > 0.01) & (distance[going] < near[going] + np.float32(2.2))]
    lit = np.clip(lit, 0, 1)
    return lit * lit * (3 - 2 * lit)


def _normal(solid: Solid, p: Floats) -> Floats:
    """Surface normals: gradient of the distance, by differences to the corners of a small tetrahedron."""
    total = np.zeros_like(p)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        towards = _column(np.array(corner, float))
        total += towards * solid(p + towards * np.float32(0.004))
    return _unit(total)


def _through_ball(start: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """Distances at which rays enter and leave the unit ball (slightly enlarged); equal where they miss it."""
    along = -_dot(start, rays)
    inside = np.float32(1.1) - _dot(start, start) + along * along
    half = np.sqrt(np.maximum(inside, 0))
    return along - half, along + half


def _edges(picture: Floats) -> NDArray[np.bool_]:
    """Mask of pixels (H, W) that differ from a neighbour in some channel."""
    found = np.zeros(picture.shape[1:], np.bool_)
    for axis in (0, 1):
        differs = np.abs(np.diff(picture, axis=axis + 1)).max(axis=0) > 0.07
        before, after = (found[:-1], found[1:]) if axis == 0 else (found[:, :-1], found[:, 1:])
        before |= differs
        after |= differs
    return found


def _coded(light: Floats) -> Floats:
    """Encode linear light as 0..1: gamma 2, whose root every machine rounds in the same way."""
    return np.sqrt(np.clip(light, 0, 1))


def _mixed(paints: tuple[Floats, Floats], share: Floats) -> Floats:
    return paints[0] + (paints[1] - paints[0]) * share


def _turned(turn: Floats, v: Floats) -> Floats:
    """Vectors (3, N) in the axes given by the rows of `turn`. No BLAS, whose rounding varies."""
    return np.stack([row[0] * v[0] + row[1] * v[1] + row[2] * v[2] for row in turn])


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2], np.float32)


def _unit(v: Floats) -> Floats:
    return v / length(*v)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[float]:
    return [float(a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3]) for i in range(3)]


def _column(v: NDArray[np.float64]) -> Floats:
    return np.asarray(v, np.float32).reshape(3, 1)
