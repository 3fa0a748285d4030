"""All checks of one machine. They need no Ray."""

import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from retable.doctor import access, all_reduce, devices, machine, packages, storage, tracker
from retable.doctor.finding import Finding, failure, ok, run_check, warning
from retable.doctor.video import decoders
from retable.io.cache import cache_folder
from retable.tracking.runs import default_uri


@dataclass(frozen=True)
class Subject:
    """The expectations of a machine; they are sent to the nodes.

    Attributes:
        results: folder or URL of the results.
        in_cluster: True if the machine is a node of a running cluster.
        gpus: number of GPUs that Ray offers on it.
        tracker: True if the machine must reach MLflow.
    """

    results: str
    in_cluster: bool = False
    gpus: float = 0
    tracker: bool = True


@dataclass(frozen=True)
class Examination:
    """Findings on a machine, and its properties that are compared between machines.

    Attributes:
        versions: package (and ``python``) -> version.
        token: `access.digest` of its token.
        gpus: number of GPUs that torch can use.
    """

    host: str
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    token: str
    gpus: int


def examine(subject: Subject) -> Examination:
    """Check this machine. It takes some seconds: it imports torch, decodes a video and uses each GPU."""
    constraints = packages.constraints_file()
    tested = packages.pinned(constraints) if constraints else {}
    here = packages.package_versions([*(tested or packages.EXCHANGED)])
    hardware, gpus = _hardware(subject.gpus)
    findings = [
        machine.python(sys.version_info[:3]),
        _packages(constraints, here, tested),
        *hardware,
        run_check("video decoders", decoders),
        run_check(access.CHECK, lambda: access.token(os.environ, needed=subject.in_cluster)),
        run_check("shared memory", machine.shared_memory),
        run_check("open files", machine.open_files),
        *_disks(subject.results),
    ]
    if subject.tracker:
        findings.append(run_check(tracker.CHECK, lambda: _tracker(subject.results, here.get("mlflow", ""))))
    return Examination(
        host=platform.node(),
        findings=tuple(findings),
        versions={"python": platform.python_version(), **here},
        token=access.digest(os.environ),
        gpus=gpus,
    )


def examine_alone(subject: Subject) -> tuple[Finding, ...]:
    """All checks that need no other machine: `examine`, the results' storage, and an all-reduce of two processes."""
    here = examine(subject)
    backends = ["gloo", *(["nccl"] if here.gpus >= 2 else [])]
    return (
        *here.findings,
        run_check(storage.CHECK, lambda: storage_alone(subject.results)),
        *(run_check(f"all-reduce, {backend}", partial(all_reduce_alone, backend)) for backend in backends),
    )


def storage_alone(results: str) -> Finding:
    """Check that this machine can write to the results' storage, and read its own file back."""
    try:
        mark = storage.write(results)
    except OSError as error:
        return storage.unwritable(results, f"{type(error).__name__}: {error}".splitlines()[0])
    reading = storage.read(results, mark, patience=0)
    storage.remove(results, mark)
    return storage.assess(results, {platform.node(): reading})


def all_reduce_alone(backend: str) -> Finding:
    """Check the speed of an all-reduce between two processes of this machine."""
    return all_reduce.assess(backend, all_reduce.measure_locally(backend), "two processes of this machine")


def _packages(constraints: Path | None, here: Mapping[str, str], tested: Mapping[str, str]) -> Finding:
    if constraints is None:
        return ok("packages", "installed without a constraints.txt to compare with")
    return packages.against_pins(here, tested, packages.needed(constraints))


def _hardware(offered: float) -> tuple[list[Finding], int]:
    """Findings on the devices, and the number of usable GPUs."""
    try:
        seen = devices.detect()
    except (ImportError, OSError, RuntimeError) as error:
        return [failure("CUDA", f"torch can't be used: {error}", "install the torch of constraints.txt")], 0
    return [devices.cuda(seen, offered), devices.backends(seen)], len(seen.devices)


def _tracker(results: str, version: str) -> Finding:
    if "://" in results and not os.environ.get("MLFLOW_TRACKING_URI"):
        advice = "set MLFLOW_TRACKING_URI to a server's, as `ray up` does, or runs are seen on the driver's machine only"
        return warning(
            tracker.CHECK, f"MLFLOW_TRACKING_URI is not set, and {results} holds no database", advice
        )
    return tracker.tracker(default_uri(Path(results)), version)


def _disks(results: str) -> list[Finding]:
    folders = {"cache": cache_folder(), "temporary": Path(tempfile.gettempdir())}
    if "://" not in results:
        folders["results"] = Path(results)
    full = {"temporary": machine.FULL_SHARE}  # Ray keeps objects here that do not fit into memory
    return [
        run_check(f"free disk, {what}", partial(machine.free_disk, what, folder, full=full.get(what)))
        for what, folder in folders.items()
    ]
