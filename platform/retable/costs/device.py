"""Name of the device that tensors are computed on. Timings are compared only between devices of one name."""

import platform
import re
from pathlib import Path

import torch

from retable.costs.throughput import CPU

CPU_INFO = Path("/proc/cpuinfo")


def device_name(device: torch.device) -> str:
    """Name of a GPU, or of a CPU with its threads per operator, such as ``CPU AMD EPYC 7B13 64-Core, 2 threads``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{f'{CPU} {cpu_model()}'.rstrip()}, {threads} thread{'s' * (threads > 1)}"


def cpu_model(info: Path = CPU_INFO) -> str:
    """Model of the CPU without trademarks and the word "Processor"; empty if it is not known.

    Args:
        info: Linux's description of each processor; other systems need not have it.
    """
    text = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    found = re.search(r"^model name\s*:(.*)$", text, re.MULTILINE)
    model = found[1] if found else platform.processor()
    return " ".join(re.sub(r"\((?:R|TM)\)|\b(?:CPU|Processor|unknown)\b", " ", model).split())
