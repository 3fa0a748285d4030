"""Who holds a lease: a process, told apart from a later one that was given the same number."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process on a host.

    Attributes:
        boot: the kernel's id of this start of the host; empty where it has none (macOS).
        namespace: the process namespace that `pid` counts in; containers have one each.
        started: clock ticks between boot and the process's start; 0 where that is not known.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: int

    @staticmethod
    def current() -> "ProcessIdentity":
        """This process."""
        return ProcessIdentity(
            platform.node(), boot_id(), _namespace(), os.getpid(), _started(os.getpid()) or 0
        )

    def exists(self) -> bool | None:
        """Whether the process is still there; None if that cannot be told from here."""
        if self.host != platform.node():
            return None
        if self.boot != boot_id():
            return False  # the host was started anew since
        if self.namespace != _namespace():
            return None
        started = _started(self.pid)
        return started is not None and started in (self.started, 0)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def boot_id() -> str:
    """The kernel's id of this start of the host; empty where it has none."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink(PROC / "self/ns/pid")
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """Clock ticks between boot and a process's start, 0 if not known; None if there is no such process."""
    try:
        # the name, in brackets, may hold anything; then the state, and the start time as the 22nd of all fields
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])  # ended, only not yet collected by its parent
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return 0  # another user's
        return 0
