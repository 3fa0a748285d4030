"""Names of devices."""

import platform
from pathlib import Path

import pytest
import torch

from retable.costs import device
from retable.costs.device import cpu_model, device_name
from retable.costs.throughput import CPU


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("AMD EPYC 7B13 64-Core Processor", "AMD EPYC 7B13 64-Core"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "Intel Xeon @ 2.20GHz"),
        ("Intel(R) Core(TM) i7-8565U CPU @ 1.80GHz", "Intel Core i7-8565U @ 1.80GHz"),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_the_model_of_a_cpu(tmp_path: Path, name: str, model: str) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(
        f"processor\t: 0\nmodel\t\t: 79\nmodel name\t: {name}\n\nprocessor\t: 1\nmodel name\t: other\n"
    )
    assert cpu_model(info) == model


def test_where_linux_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert cpu_model(tmp_path / "none") == "arm"
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nCPU implementer\t: 0x41\n")
    assert cpu_model(tmp_path / "cpuinfo") == "arm"


@pytest.mark.parametrize(
    ("model", "threads", "name"),
    [
        ("AMD EPYC", 1, "CPU AMD EPYC, 1 thread"),
        ("AMD EPYC", 64, "CPU AMD EPYC, 64 threads"),
        ("", 2, "CPU, 2 threads"),
    ],
)
def test_a_cpu_is_its_model_and_its_threads(
    monkeypatch: pytest.MonkeyPatch, model: str, threads: int, name: str
) -> None:
    monkeypatch.setattr(device, "cpu_model", lambda: model)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert device_name(torch.device("cpu")) == name
    assert name.startswith(CPU)


def test_a_gpu_is_what_it_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Tesla P100 {device.index}")
    assert device_name(torch.device("cuda:1")) == "Tesla P100 1"
