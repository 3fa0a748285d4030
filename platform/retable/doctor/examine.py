"""All checks of one machine. They need neither Ray nor a network of more than what is checked."""

import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from retable.doctor import access, all_reduce, devices, machine, packages, storage, tracker
from retable.doctor.finding import Finding, failure, ok, told, warning
from retable.doctor.video import decoders
from retable.io.cache import cache_folder
from retable.tracking.mlflow import default_uri


@dataclass(frozen=True)
class Subject:
    """What a machine is examined for; it travels to the nodes.

    Attributes:
        storage: folder or URL of the results.
        in_cluster: whether the machine is a node of a running cluster.
        gpus: that Ray offers on it.
        tracker: whether it is to reach MLflow.
    """

    storage: str
    in_cluster: bool = False
    gpus: float = 0
    tracker: bool = True


@dataclass(frozen=True)
class Machine:
    """What was found on a machine, and what is to be compared with others.

    Attributes:
        versions: package (and ``python``) -> version.
        token: `access.digest` of its token.
        gpus: that torch can use.
    """

    host: str
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    token: str
    gpus: int


def examine(subject: Subject) -> Machine:
    """Look at this machine. Takes some seconds: it imports torch, decodes a video and uses each GPU."""
    constraints = packages.constraints_file()
    tested = packages.pinned(constraints) if constraints else {}
    here = packages.installed([*(tested or packages.EXCHANGED)])
    hardware, gpus = _hardware(subject.gpus)
    findings = [
        machine.python(sys.version_info[:3]),
        _packages(constraints, here, tested),
        *hardware,
        told("video decoders", decoders),
        told(access.CHECK, lambda: access.token(os.environ, needed=subject.in_cluster)),
        told("shared memory", machine.shared_memory),
        told("open files", machine.open_files),
        *_disks(subject.storage),
    ]
    if subject.tracker:
        findings.append(told(tracker.CHECK, lambda: _tracker(subject.storage, here.get("mlflow", ""))))
    return Machine(
        host=platform.node(),
        findings=tuple(findings),
        versions={"python": platform.python_version(), **here},
        token=access.digest(os.environ),
        gpus=gpus,
    )


def examine_alone(subject: Subject) -> tuple[Finding, ...]:
    """All that can be found with this machine only: `examine`, its storage, and two of its processes."""
    here = examine(subject)
    backends = ["gloo", *(["nccl"] if here.gpus >= 2 else [])]
    return (
        *here.findings,
        told(storage.CHECK, lambda: storage_alone(subject.storage)),
        *(told(f"all-reduce, {backend}", partial(all_reduce_alone, backend)) for backend in backends),
    )


def storage_alone(place: str) -> Finding:
    """Whether this machine can write into the storage and read what it wrote."""
    try:
        mark = storage.write(place)
    except OSError as error:
        return storage.unwritable(place, f"{type(error).__name__}: {error}".splitlines()[0])
    reading = storage.read(place, mark, patience=0)
    storage.remove(place, mark)
    return storage.judged(place, {platform.node(): reading})


def all_reduce_alone(backend: str) -> Finding:
    """How fast two processes of this machine add up gradients."""
    return all_reduce.judged(backend, all_reduce.here(backend), "two processes of this machine")


def _packages(constraints: Path | None, here: Mapping[str, str], tested: Mapping[str, str]) -> Finding:
    if constraints is None:
        return ok("packages", "installed without a constraints.txt to compare with")
    return packages.against_pins(here, tested, packages.needed(constraints))


def _hardware(offered: float) -> tuple[list[Finding], int]:
    """What is said of the devices, and how many GPUs can be used."""
    try:
        seen = devices.look()
    except (ImportError, OSError, RuntimeError) as error:
        return [failure("CUDA", f"torch can't be used: {error}", "install the torch of constraints.txt")], 0
    return [devices.cuda(seen, offered), devices.backends(seen)], len(seen.devices)


def _tracker(storage: str, version: str) -> Finding:
    if "://" in storage and not os.environ.get("MLFLOW_TRACKING_URI"):
        advice = "set MLFLOW_TRACKING_URI to a server's, as `ray up` does, or runs are seen on the driver's machine only"
        return warning(
            tracker.CHECK, f"MLFLOW_TRACKING_URI is not set, and {storage} holds no database", advice
        )
    return tracker.tracker(default_uri(Path(storage)), version)


def _disks(storage: str) -> list[Finding]:
    folders = {"cache": cache_folder(), "temporary": Path(tempfile.gettempdir())}
    if "://" not in storage:
        folders["results"] = Path(storage)
    full = {"temporary": machine.FULL_SHARE}  # where Ray keeps what does not fit into memory
    return [
        told(f"free disk, {what}", partial(machine.free_disk, what, folder, full=full.get(what)))
        for what, folder in folders.items()
    ]
