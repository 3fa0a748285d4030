"""Machines of their own for a cluster, made on this one: ../shared/testhosts/hosts.sh, with a home folder each."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT.parent / "shared" / "testhosts" / "hosts.sh"
NEEDED = ("sshd", "ssh", "rsync", "ip", "unshare")
PLACES = "/usr/sbin:/sbin"  # where sshd and ip are, also for who hasn't them on the path


def why_not() -> str | None:
    """Why no hosts can be made here; None if they can."""
    if os.geteuid() != 0:
        return "needs root"
    if not SCRIPT.exists():
        return f"needs {SCRIPT}"
    path = f"{os.environ['PATH']}:{PLACES}"
    if missing := [tool for tool in NEEDED if shutil.which(tool, path=path) is None]:
        return f"needs {', '.join(missing)}"
    allowed = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "ip", "link", "add", "probe0", "type", "bridge"],
        check=False,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    return f"may not make networks here: {allowed.stderr.strip()}" if allowed.returncode else None


@dataclass
class Hosts:
    """Hosts 1 to `size`, at 10.77.0.1 and so on. They share files except for their home folders."""

    folder: Path
    size: int

    @property
    def key(self) -> Path:
        return self.folder / "hosts" / "key"

    def ip(self, host: int) -> str:
        return f"10.77.0.{host}"

    def home(self, host: int) -> Path:
        """A host's home folder, as it is seen from outside."""
        return self.folder / "homes" / str(host)

    def run(self, host: int, command: str, *, timeout: float = 120) -> str:
        """What a command prints on a host, over SSH.

        Raises:
            AssertionError: it failed.
        """
        done = self._script("run", str(self.folder / "hosts"), str(host), command, timeout=timeout)
        assert done.returncode == 0, f"host {host}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def cut(self, host: int) -> None:
        self._script("cut", str(self.folder / "hosts"), str(host)).check_returncode()

    def heal(self, host: int) -> None:
        self._script("heal", str(self.folder / "hosts"), str(host)).check_returncode()

    def kill(self, host: int) -> None:
        """Powers a host off."""
        self._script("kill", str(self.folder / "hosts"), str(host)).check_returncode()

    def processes(self, host: int) -> list[str]:
        """Command lines of what runs on a host, without sshd and what asks."""
        mine = ("sshd", "bash -c hostname", "ps -eo args", "(sd-pam)")
        lines = self.run(host, "ps -eo args --no-headers").splitlines()
        return [line for line in lines if not any(word in line for word in mine)]

    def _script(self, *arguments: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        return self._command("bash", str(SCRIPT), *arguments, timeout=timeout)

    def _command(self, *command: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{PLACES}"}
        return subprocess.run(
            command,
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def _down(self) -> None:
        self._script("down", str(self.folder / "hosts"))
        for cable in Path("/sys/class/net").glob(
            "rtveth*"
        ):  # connections that still end keep a network for minutes
            self._command("ip", "link", "del", cable.name)

    def _up(self) -> None:
        up = self._script("up", str(self.size), str(self.folder / "hosts"))
        assert up.returncode == 0, up.stdout + up.stderr
        home, python = Path.home(), Path(sys.base_prefix)
        for host in range(1, self.size + 1):
            own = self.home(host)
            own.mkdir(parents=True)
            binds = [f"mount --rbind {own} {home}"]
            if python.is_relative_to(home):  # the interpreter must stay where it is
                inside = own / python.relative_to(home)
                inside.mkdir(parents=True)
                binds.insert(0, f"mount --bind {python} {inside}")
            self.run(host, " && ".join(binds))


@contextmanager
def hosts(folder: Path, size: int) -> Iterator[Hosts]:
    """Hosts for the length of the block."""
    made = Hosts(folder, size)
    (folder / "hosts").mkdir(parents=True)
    made._down()  # what a killed run may have left: there is room for one set of hosts
    try:
        made._up()
        yield made
    finally:
        made._down()


def install(home: Path) -> None:
    """What `clusters/node/setup.sh` would install into ~/retable, from this interpreter's packages: hosts have no network."""
    root = home / "retable"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    seen = Path.home() / "retable"  # as the host sees it
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = [path for path in sys.path if path.endswith("site-packages")]
    own = root / ".venv" / "lib" / python / "site-packages" / "retable.pth"
    own.write_text("\n".join([str(seen / "platform"), str(seen), *packages, ""]))
    for command, module in (("ray", "ray.scripts.scripts"), ("mlflow", "mlflow"), ("retable", "retable")):
        script = root / ".venv" / "bin" / command
        script.write_text(f'#!/bin/sh\nexec {seen}/.venv/bin/python -m {module} "$@"\n')
        script.chmod(0o755)
    locked = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")) + b".\n"
    (root / ".venv" / ".ready").write_text(hashlib.sha256(locked).hexdigest() + "  -\n")
