"""FID's trace term for the paper's protocol, 2,048 samples of 4,096 features: with and without full-size matrices.

`make bench`. Takes several minutes on two cores, nearly all of it in the full-size matrix root that Retable avoids.
"""

import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from scipy import linalg

from retable.metrics.frechet import Gaussian, Moments, Samples, frechet_distance

SAMPLES, FEATURES = 2_048, 4_096


def features(count: int, dimensions: int, seed: int) -> torch.Tensor:
    """Correlated features after a ReLU (N, D), float64."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dimensions, dimensions, generator=generator) / dimensions**0.5
    return torch.relu(torch.randn(count, dimensions, generator=generator) @ mix + 0.1 * seed).double()


def by_root(real: Gaussian, fake: Gaussian) -> float:
    """The distance as the reference computes it: the real part of the matrix root of C_a C_b."""
    root = linalg.sqrtm((real.covariance @ fake.covariance).numpy())
    gap = (real.mean - fake.mean).square().sum()
    return float(gap + real.variance + fake.variance) - 2 * float(root.trace().real)


def timed(compute: Callable[[], float]) -> tuple[float, float]:
    """What it gives, and its seconds."""
    start = time.perf_counter()
    return compute(), time.perf_counter() - start


def rows(samples: int = SAMPLES, dimensions: int = FEATURES) -> list[tuple[str, float, float]]:
    """Each way of computing it, its distance, and its seconds from the samples on."""
    given = Moments(dimensions).update(features(2 * dimensions, dimensions, 0)).gaussian()
    sample = features(samples, dimensions, 1)

    def real() -> Gaussian:
        return Gaussian(given.mean, given.covariance)  # which has decomposed nothing yet

    def full() -> Gaussian:
        return Moments(dimensions).update(sample).gaussian()

    again = real()
    ways: dict[str, Callable[[], float]] = {
        "from the samples": lambda: frechet_distance(again, Samples().update(sample).gaussian()),
        "from the samples, later": lambda: frechet_distance(again, Samples().update(sample).gaussian()),
        "from both covariances": lambda: frechet_distance(real(), full()),
        "by the matrix root": lambda: by_root(real(), full()),
    }
    return [(name, *timed(compute)) for name, compute in ways.items()]


def main() -> None:
    """Print a line for each way."""
    measured = rows()
    slowest = measured[-1][2]
    page = Table(
        "way", "distance", "seconds", "times faster", title=f"FID, {SAMPLES} × {FEATURES}, float64, CPU"
    )
    for name, distance, seconds in measured:
        page.add_row(name, f"{distance:.10g}", f"{seconds:.2f}", f"{slowest / seconds:.1f}")
    Console().print(page)


if __name__ == "__main__":
    main()
