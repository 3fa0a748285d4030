"""The connection to a cluster's head from another machine: through SSH with the cluster's file, or by a job server's URL."""

import os
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from retable.cluster.connection.token import ClusterError, known_token
from retable.errors import OptionError

DASHBOARD = 8265
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SSH_SECONDS = 30

READY = "the token of this head: "
TOKEN = '"$(cat "${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}" 2> /dev/null)"'
REMOTE_COMMAND = f"exec sh -c {shlex.quote(f'echo {shlex.quote(READY)}{TOKEN}; exec cat')}"
"""The command that SSH runs on the head: it prints a marker and the token, then waits until its standard input is closed."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The address of a cluster's job server.

    Attributes:
        name: the file or URL that the user gave.
        url: URL of the job server; empty if it listens on the head's loopback and is reached through SSH.
        host: address of the head, for SSH.
        user: login name for SSH; empty for SSH's default.
        key: private key file for SSH; None for SSH's default.
    """

    name: str
    url: str = ""
    host: str = ""
    user: str = ""
    key: Path | None = None

    def ssh(self, port: int) -> list[str]:
        """The command that forwards a local port to the head's job server. It ends when its standard input is closed.

        The variable RETABLE_SSH replaces ``ssh``, and may contain options, as GIT_SSH_COMMAND does for git.
        """
        command = shlex.split(os.environ.get("RETABLE_SSH", "ssh"))
        command += ["-L", f"127.0.0.1:{port}:127.0.0.1:{DASHBOARD}"]
        for option in (
            "BatchMode=yes",  # nobody could answer a question, so fail with a message
            f"ConnectTimeout={SSH_SECONDS}",
            "ExitOnForwardFailure=yes",
            "ServerAliveInterval=15",
            "StrictHostKeyChecking=accept-new",  # `ray up` stores no host keys, so this is the first connection
        ):
            command += ["-o", option]
        if self.key is not None:
            command += ["-i", str(self.key)]
        return [*command, f"{self.user}@{self.host}" if self.user else self.host, REMOTE_COMMAND]


@dataclass(frozen=True)
class JobServer:
    """A reachable job server, and its token."""

    url: str
    token: str


def head_of(place: str) -> Head:
    """The head of a cluster, given by a YAML file for `ray up` or by its job server's URL.

    Raises:
        OptionError: the place is neither, or the file does not give the head's address.
    """
    if place.startswith(("http://", "https://")):
        return Head(name=place, url=place.rstrip("/"))
    file = Path(place)
    config = _config(file)
    provider, auth = _section(config, "provider"), _section(config, "auth")
    host = provider.get("head_ip")
    if not isinstance(host, str):
        if provider.get("type", "local") == "local":
            raise OptionError(
                f"{file} must give the head's address as provider.head_ip, but has {host!r}", remedy="add it"
            )
        host = _head_in_cloud(file)
    if host in LOOPBACK:
        return Head(name=place, url=f"http://127.0.0.1:{DASHBOARD}", host=host)
    key = auth.get("ssh_private_key")
    return Head(
        name=place,
        host=host,
        user=str(auth.get("ssh_user", "")),
        key=Path(key).expanduser() if key else None,
    )


@contextmanager
def reach(head: Head) -> Iterator[JobServer]:
    """The head's job server, for the length of the block. Through SSH, the token is read on the head.

    SSH ends with the block, and also when this process is killed, since its standard input is then closed.

    Raises:
        ClusterError: SSH does not reach the head; the message includes SSH's own.
        NoTokenError: there is no token on this machine or on the head.
    """
    if head.url:
        yield JobServer(head.url, known_token(head.url))
        return
    port = _free_port()
    with tempfile.TemporaryFile("w+") as errors:
        ssh = subprocess.Popen(
            head.ssh(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            token = _read_token(ssh)
            if token is None:
                errors.seek(0)
                raise ClusterError(
                    f"SSH does not reach {head.host}, the head of {head.name}: "
                    f"{errors.read().strip() or 'it ended without a message'}",
                    remedy=f"this command must work without asking for anything: {shlex.join(_manual_command(head))}",
                )
            yield JobServer(f"http://127.0.0.1:{port}", token or known_token(f"the cluster of {head.name}"))
        finally:
            ssh.terminate()
            ssh.communicate()


def _read_token(ssh: "subprocess.Popen[str]") -> str | None:
    """Wait for the marker, and return the token, which may be empty; None if SSH ended. A login message may come first."""
    assert ssh.stdout is not None
    for line in ssh.stdout:
        _, marker, token = line.partition(READY)
        if marker:
            return token.strip()
    return None


def _manual_command(head: Head) -> list[str]:
    """The SSH command that the user can try by hand."""
    key = ["-i", str(head.key)] if head.key else []
    return ["ssh", *key, f"{head.user}@{head.host}" if head.user else head.host]


def nodes_of(place: str) -> tuple[str, ...]:
    """The addresses of all nodes in a cluster's file; empty if nodes come and go, or if the place is a URL.

    Raises:
        OptionError: there is no such file.
    """
    if place.startswith(("http://", "https://")):
        return ()
    provider = _section(_config(Path(place)), "provider")
    named = [provider.get("head_ip"), *(provider.get("worker_ips") or ())]
    return tuple(map(str, named)) if provider.get("type") == "local" else ()


def _config(file: Path) -> Any:
    if not file.is_file():
        raise OptionError(
            f"a cluster is the file that `ray up` takes, such as ray_cluster.yaml, or its job server's URL, such as "
            f"http://127.0.0.1:{DASHBOARD}, but {file} is no such file",
            remedy="name one of them",
        )
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise OptionError(f"{file} is no YAML file: {error}", remedy="mend it") from error


def _section(config: Any, name: str) -> dict[str, Any]:
    part = config.get(name) if isinstance(config, dict) else None
    return part if isinstance(part, dict) else {}


def _head_in_cloud(file: Path) -> str:
    """The address of a running head in a cloud, as Ray gets it from the cloud."""
    from ray.autoscaler.sdk import get_head_node_ip

    try:
        return str(get_head_node_ip(str(file)))
    except RuntimeError as error:
        raise ClusterError(
            f"no head of {file} is running: {error}", remedy=f"`ray up {file}` starts it"
        ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
