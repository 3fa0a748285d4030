"""The identity of a process, which holds a lease. A later process with the same number has another identity."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessIdentity:
    """A process on a host.

    Attributes:
        boot: the kernel's identifier of this boot; empty where it has none (macOS).
        namespace: the process namespace of `pid`; each container has its own.
        started: clock ticks from boot to the process's start; 0 where unknown.
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
        """True if the process still runs, False if it has ended, None if that is unknown on this machine."""
        if self.host != platform.node():
            return None
        if self.boot != boot_id():
            return False  # the host has been rebooted since
        if self.namespace != _namespace():
            return None
        started = _started(self.pid)
        return started is not None and started in (self.started, 0)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def boot_id() -> str:
    """The kernel's identifier of this boot; empty where it has none."""
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
    """Clock ticks from boot to a process's start, 0 if unknown; None if there is no such process."""
    try:
        # The name, in brackets, may hold anything. After it come the state and, as the 22nd field, the start time.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])  # Z, X: ended, not yet collected by its parent
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return 0  # another user's process
        return 0
