"""FID's trace term for the paper's protocol, 2,048 samples of 4,096 features: with and without full-size matrices.

`make bench`. Takes several minutes on two cores, nearly all of it in the full-size matrix root that Retable avoids.
"""

import time
from collections.abc import Callable, Iterator

import torch
from rich.console import Console
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
    """Result of a function and its CPU seconds, measured on one thread of an idle machine."""
    start = time.process_time()
    return compute(), time.process_time() - start


def rows(samples: int = SAMPLES, dimensions: int = FEATURES) -> Iterator[tuple[str, float, float]]:
    """Each way of computing it, its distance, and its CPU seconds from the samples on."""
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
    for name, compute in ways.items():
        yield name, *timed(compute)


def main() -> None:
    """Print a line for each way, as soon as it is known, and how much faster the first is than each."""
    console = Console()
    console.print(f"FID of {SAMPLES:,} × {FEATURES:,} in float64, CPU seconds:")
    first = None
    for name, distance, seconds in rows():
        first = first or seconds
        console.print(
            f"{name:24} {seconds:8.1f} s  {seconds / first:6.1f} × the first  distance {distance:.10g}"
        )


if __name__ == "__main__":
    main()
