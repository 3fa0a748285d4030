"""GPUs as torch, the driver and Ray see them; the decoders."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retable.doctor import devices
from retable.doctor.devices import GIB, Accelerators, Device
from retable.doctor.video import decoders

CPU = Accelerators(torch="2.13.0+cpu", cuda=None, driver=None, devices=(), backends=("gloo",))
CARD = Device("H100", 80 * GIB, 79 * GIB)
GPU = Accelerators(
    torch="2.13.0", cuda="12.8", driver="570.86", devices=(CARD, CARD), backends=("gloo", "nccl")
)


def test_this_machine_can_be_looked_at() -> None:
    seen = devices.detect()
    assert "gloo" in seen.backends
    assert devices.backends(seen).verdict == "ok"


def test_a_machine_without_a_gpu_is_well_unless_ray_or_a_driver_say_that_there_is_one() -> None:
    assert devices.cuda(CPU).verdict == "ok"
    found = devices.cuda(CPU, offered=4)
    assert (found.verdict, "install torch's CUDA build" in found.advice) == ("failure", True)
    assert devices.cuda(replace(CPU, driver="570.86")).verdict == "failure"
    found = devices.cuda(replace(GPU, devices=()))
    assert (found.verdict, "update NVIDIA's driver" in found.advice) == ("failure", True)
    found = devices.cuda(replace(GPU, devices=(), driver=None), offered=1)
    assert (found.verdict, "--num-gpus 0" in found.advice) == ("failure", True)


@pytest.mark.parametrize(
    ("seen", "offered", "verdict"),
    [
        (GPU, 2, "ok"),
        (GPU, 0, "ok"),
        (GPU, 3, "failure"),
        (replace(GPU, devices=(replace(CARD, fault="no kernel image"),)), 1, "failure"),
        (replace(GPU, devices=(replace(CARD, free=GIB),)), 1, "warning"),
    ],
)
def test_a_machine_with_gpus(seen: Accelerators, offered: float, verdict: str) -> None:
    assert devices.cuda(seen, offered).verdict == verdict


def test_gpus_need_nccl() -> None:
    assert devices.backends(GPU).verdict == "ok"
    found = devices.backends(replace(GPU, backends=("gloo",)))
    assert (found.verdict, found.found) == ("failure", "gloo, but not nccl")
    assert devices.backends(replace(CPU, backends=())).verdict == "failure"


def test_the_drivers_version_is_read_where_the_kernel_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "version"
    assert devices._driver(file) is None
    file.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Sun Jan 1 2025\n")
    assert devices._driver(file) == "570.86.10"


def test_both_decoders_read_a_file_here() -> None:
    found = decoders()
    assert (found.verdict, found.found) == ("ok", "decord and PyAV read an H.264 file")


def test_a_decoder_that_raises_or_reads_something_else_fails() -> None:
    def broken(path: Path) -> np.ndarray:
        raise ImportError("libavcodec.so.58: cannot open shared object file")

    found = decoders({"decord": broken})
    assert (found.verdict, "libavcodec" in found.found) == ("failure", True)
    found = decoders({"decord": lambda path: np.zeros((7, 64, 64, 3), np.uint8)})
    assert (found.verdict, "(7, 64, 64, 3)" in found.found) == ("failure", True)
    found = decoders({"decord": lambda path: np.zeros((8, 64, 64, 3), np.uint8)})
    assert (found.verdict, "other pixels" in found.found) == ("failure", True)
