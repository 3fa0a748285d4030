"""Checks of torch: it can use the machine's GPUs, and it has the backends that a worker group needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.doctor.finding import Finding, failure, ok, warning

GIB = 2**30
DRIVER = Path("/proc/driver/nvidia/version")
OLD_DRIVER = "update NVIDIA's driver, or install a torch that is built for an older CUDA"


@dataclass(frozen=True)
class Device:
    """One GPU, as torch reports it.

    Attributes:
        memory: total bytes.
        free: free bytes.
        fault: error message of a multiplication on it; empty if there was none.
    """

    name: str
    memory: int
    free: int
    fault: str = ""


@dataclass(frozen=True)
class Accelerators:
    """torch's build, NVIDIA's driver and the GPUs of a machine.

    Attributes:
        torch: version with its local part, such as ``2.13.0+cpu``.
        cuda: version of CUDA that torch was built for; None for a CPU build.
        driver: version of NVIDIA's driver; None if there is none.
        devices: the GPUs that torch can use.
        backends: names of torch.distributed's backends, such as ``gloo``.
    """

    torch: str
    cuda: str | None
    driver: str | None
    devices: tuple[Device, ...]
    backends: tuple[str, ...]


def detect() -> Accelerators:
    """Detect this machine's accelerators. Imports torch, and multiplies a small matrix on each GPU."""
    import torch
    import torch.distributed as dist

    backends: list[str] = []
    if dist.is_available():
        backends += ["gloo"] * dist.is_gloo_available() + ["nccl"] * dist.is_nccl_available()
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Accelerators(
        torch=torch.__version__,
        cuda=torch.version.cuda,
        driver=_driver(),
        devices=tuple(_device(number) for number in range(count)),
        backends=tuple(backends),
    )


def cuda(seen: Accelerators, offered: float = 0) -> Finding:
    """Check that torch can use the machine's GPUs.

    Args:
        offered: number of GPUs that Ray offers on this node.
    """
    check, built = "CUDA", f"torch {seen.torch}"
    expected = seen.driver is not None or offered > 0
    if not seen.devices:
        if not expected:
            return ok(check, f"{built}, no GPU: trains on the CPU")
        there = f"NVIDIA's driver {seen.driver}" if seen.driver else f"Ray offers {offered:g} GPUs"
        advice = OLD_DRIVER if seen.cuda else "install torch's CUDA build: the one here is for the CPU"
        if seen.cuda and not seen.driver:
            advice = "install NVIDIA's driver, or start Ray on this node with --num-gpus 0"
        return failure(check, f"{there}, but {built} sees no GPU", advice)
    names = [f"{d.name} {d.memory / GIB:.0f} GiB, {d.free / GIB:.0f} free" for d in seen.devices]
    found = f"{built} for CUDA {seen.cuda}, driver {seen.driver or 'unknown'}: {'; '.join(names)}"
    if faults := [device.fault for device in seen.devices if device.fault]:
        return failure(check, f"{found}; a multiplication fails: {faults[0]}", OLD_DRIVER)
    if offered > len(seen.devices):
        return failure(
            check,
            f"{found}; Ray offers {offered:g}",
            f"restart Ray on this node with --num-gpus {len(seen.devices)}, or mend the others",
        )
    if crowded := [d for d in seen.devices if d.free < d.memory / 2]:
        return warning(
            check, found, f"something else uses the memory of {crowded[0].name}; nvidia-smi names it"
        )
    return ok(check, found)


def backends(seen: Accelerators) -> Finding:
    """Check that torch has the backends that workers need: NCCL between GPUs, gloo between CPUs."""
    check, wanted = "torch.distributed", ["gloo", *(["nccl"] if seen.devices else [])]
    found = ", ".join(seen.backends) or "no backend"
    if lacking := [name for name in wanted if name not in seen.backends]:
        return failure(
            check, f"{found}, but not {' and '.join(lacking)}", "install a torch that is built with it"
        )
    return ok(check, found)


def _driver(path: Path = DRIVER) -> str | None:
    """Version of NVIDIA's kernel driver, such as 570.86.10."""
    if not path.exists():
        return None
    words: Sequence[str] = path.read_text(encoding="utf-8").split()
    return next((word for word in words if word[0].isdigit() and "." in word), "of unknown version")


def _device(number: int) -> Device:
    import torch

    properties = torch.cuda.get_device_properties(number)
    try:
        free, memory = torch.cuda.mem_get_info(number)
        ones = torch.ones(64, 64, device=f"cuda:{number}")
        value = float((ones @ ones).sum())
        fault = "" if value == 64**3 else f"the sum of ones(64, 64) @ ones(64, 64) is {value:g}, not {64**3}"
    except RuntimeError as error:
        free, memory, fault = 0, properties.total_memory, str(error).splitlines()[0]
    return Device(properties.name, memory, free, fault)
