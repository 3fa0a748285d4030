"""A timed all-reduce of gradients between two workers. `python -m retable.doctor.all_reduce` runs one of the two."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from retable.doctor.finding import Finding, failure, ok, warning

BYTES = 64 * 2**20
REPEATS = 5
SECONDS = 60.0
SLOW = {"gloo": 0.1, "nccl": 1.0}
"""GB/s below which gradients of 100 MB take longer than an update: 0.1 is gigabit Ethernet."""


@dataclass(frozen=True)
class Timing:
    """One worker's measurement.

    Attributes:
        seconds: median time of one all-reduce.
        size: bytes that it sums.
        fault: error message; empty if there was no error.
    """

    seconds: float = 0.0
    size: int = 0
    fault: str = ""

    @property
    def gigabytes_per_second(self) -> float:
        """Bytes of the tensor per second; with two workers also the traffic of the link in each direction."""
        return self.size / self.seconds / 1e9


def measure(rank: int, meeting: str, backend: str, *, size: int = BYTES, seconds: float = SECONDS) -> Timing:
    """Sum ones with one other process, and check the sum.

    Args:
        rank: 0 or 1.
        meeting: rendezvous address of the two, ``tcp://`` or ``file://``.
        backend: ``gloo`` or ``nccl``.
        size: bytes of the tensor, float32.
        seconds: timeout of the wait for the other.
    """
    import torch
    import torch.distributed as dist

    device = (
        torch.device("cuda", rank % torch.cuda.device_count()) if backend == "nccl" else torch.device("cpu")
    )
    try:
        dist.init_process_group(
            backend, init_method=meeting, rank=rank, world_size=2, timeout=timedelta(seconds=seconds)
        )
    except (RuntimeError, ValueError) as error:
        return Timing(fault=_first_line(error))
    try:
        tensor = torch.ones(size // 4, device=device)
        times = []
        for _ in range(1 + REPEATS):
            tensor.fill_(1).sum().item()  # waits for the device
            start = time.monotonic()
            dist.all_reduce(tensor)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.monotonic() - start)
            total = tensor.sum(dtype=torch.float64).item()
            if total != 2 * tensor.numel():
                return Timing(fault=f"1 + 1 over {tensor.numel():,} numbers sums to {total:,.0f}")
        return Timing(statistics.median(times[1:]), tensor.numel() * 4)
    except RuntimeError as error:
        return Timing(fault=_first_line(error))
    finally:
        dist.destroy_process_group()


def measure_locally(backend: str, *, size: int = BYTES, seconds: float = SECONDS) -> Timing:
    """The same measurement between two processes of this machine."""
    with TemporaryDirectory(prefix="retable-doctor-") as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        command = [
            sys.executable,
            "-m",
            "retable.doctor.all_reduce",
            meeting,
            backend,
            str(size),
            str(seconds),
        ]
        both = [
            subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for rank in (0, 1)
        ]
        try:
            answers = [process.communicate(timeout=2 * seconds + 30) for process in both]
        except subprocess.TimeoutExpired:
            return Timing(fault=f"no answer within {2 * seconds + 30:.0f} s")
        finally:
            for process in both:
                process.kill()
                process.wait()
    for process, (out, error) in zip(both, answers, strict=True):
        if process.returncode != 0:
            last = error.decode(errors="replace").strip().splitlines()[-1:]
            return Timing(fault=f"a process ended with {process.returncode}: {' '.join(last)}")
        timing = Timing(**json.loads(out))
        if timing.fault:
            return timing
    return timing


def assess(backend: str, timing: Timing, between: str, *, slow: float | None = None) -> Finding:
    """Check that gradients of that size are exchanged fast enough.

    Args:
        between: name of the two, such as ``two processes of this machine``.
        slow: GB/s below which the finding is a warning; None for the backend's own limit.
    """
    check = f"all-reduce, {backend}"
    if timing.fault:
        interface = f"{'NCCL' if backend == 'nccl' else 'GLOO'}_SOCKET_IFNAME"
        return failure(
            check,
            f"{between}: {timing.fault}",
            "see that the firewall lets nodes talk on all ports, that a node's host name is not its loopback address in "
            f"/etc/hosts, and set {interface} to the network interface between them",
        )
    speed = timing.gigabytes_per_second
    found = f"{between}: {speed:.2f} GB/s, {timing.size / 2**20:.0f} MiB in {timing.seconds * 1000:.0f} ms"
    if speed < (SLOW[backend] if slow is None else slow):
        return warning(
            check,
            found,
            "train each trial on one node (--workers up to its GPUs or CPUs), or mend the network",
        )
    return ok(check, found)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def main(meeting: str, backend: str, size: str, seconds: str, rank: str) -> None:
    """Measure, and write the timing to standard output."""
    timing = measure(int(rank), meeting, backend, size=int(size), seconds=float(seconds))
    sys.stdout.write(json.dumps(timing.__dict__))
    sys.stdout.flush()
    os._exit(0)  # gloo's threads may bring down an interpreter that takes its time to end


if __name__ == "__main__":
    main(*sys.argv[1:])
