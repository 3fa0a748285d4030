"""Time and memory of a training step on this machine, measured for each network by itself."""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from retable.trial.step_cost import MIB
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.costs.forward import NetworkName, video_shapes
from trainables.video_gan.networks import build_critic, build_generator, first_labels

STEPS = 3
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Measured:
    """One network's share of a training step on one clip.

    Attributes:
        seconds: the fastest of a few steps, after one that is not timed: what else runs here only slows them.
        peak_mb: MiB at the step's peak beside weights and gradients. On the CPU that is resident memory.
    """

    seconds: float
    peak_mb: float


def device() -> torch.device:
    """Device to measure: the first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def measure_each(networks: Iterable[tuple[VideoGANConfig, NetworkName]]) -> Iterator[Measured]:
    """Measure each in a process of its own, for a process's peak memory never goes down."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        yield from pool.map(measure, *zip(*networks, strict=True))


def measure(config: VideoGANConfig, network: NetworkName) -> Measured:
    """Measure in this process, which should be fresh.

    The generator's share is a forward and a backward pass; the discriminator's is a verdict on a real and a generated
    clip with every gradient and the penalty.
    """
    torch.set_flush_denormal(True)  # as training does
    on = device()
    module, step = (_generator_step if network == "generator" else _discriminator_step)(
        config.canonical(), on
    )
    for parameter in module.parameters():
        parameter.grad = torch.empty_like(
            parameter
        ).zero_()  # zeros() would not touch its memory before the step does
    rest = _memory(on)
    step()
    seconds = min(_timed(step, on) for _ in range(STEPS))
    return Measured(seconds, (_peak(on) - rest) / MIB)


def _generator_step(config: VideoGANConfig, on: torch.device) -> tuple[torch.nn.Module, Callable[[], None]]:
    generator = build_generator(config).to(on)
    z_NZ, labels_N = torch.rand(1, config.z_dim, device=on), first_labels(config, 1, on)

    def step() -> None:
        videos = generator(z_NZ, (0, 0, 0), labels_N)
        torch.autograd.backward(videos, [torch.ones_like(video) for video in videos])

    return generator, step


def _discriminator_step(
    config: VideoGANConfig, on: torch.device
) -> tuple[torch.nn.Module, Callable[[], None]]:
    critic = build_critic(config).to(on)
    videos = [torch.rand(shape, device=on) for shape in video_shapes(config, 1)]
    frames, labels_N = torch.zeros(2, dtype=torch.int64, device=on), first_labels(config, 1, on)
    mix_N = torch.rand(1, device=on)
    return critic, lambda: critic(videos, videos, frames, labels_N, mix_N).backward()


def _timed(step: Callable[[], None], on: torch.device) -> float:
    _wait(on)
    start = time.perf_counter()
    step()
    _wait(on)
    return time.perf_counter() - start


def _wait(on: torch.device) -> None:
    if on.type == "cuda":
        torch.cuda.synchronize(on)


def _memory(on: torch.device) -> int:
    """Bytes in use now; the peak is counted from here."""
    if on.type != "cuda":
        return _peak(on)
    torch.cuda.reset_peak_memory_stats(on)
    return torch.cuda.memory_allocated(on)


def _peak(on: torch.device) -> int:
    if on.type == "cuda":
        return torch.cuda.max_memory_allocated(on)
    if STATUS.exists():
        # Linux hands a parent's ru_maxrss down to a new program; this is the program's own.
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
