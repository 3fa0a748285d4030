"""A cluster's head as it is reached from another machine: by its YAML file through SSH, or by its job server's URL."""

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

from retable.cluster.token import ClusterError, known_token
from retable.errors import OptionError

DASHBOARD = 8265
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SSH_SECONDS = 30

READY = "the token of this head: "
TOKEN = '"$(cat "${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}" 2> /dev/null)"'
REMOTE = f"exec sh -c {shlex.quote(f'echo {shlex.quote(READY)}{TOKEN}; exec cat')}"
"""What SSH runs on the head: it says that we are in, and the token; then it waits until our end is closed."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where a cluster's job server is.

    Attributes:
        name: what the user called it: a file or a URL.
        url: of its job server; empty where it listens on its own loopback and is reached through SSH.
        host: address of the head, for SSH.
        user: whom SSH logs in as; empty for SSH's own choice.
        key: file of SSH's private key; None for SSH's own choice.
    """

    name: str
    url: str = ""
    host: str = ""
    user: str = ""
    key: Path | None = None

    def ssh(self, port: int) -> list[str]:
        """The command that joins a port of this machine to the head's job server, and ends with its standard input.

        ``RETABLE_SSH`` is used in the place of ``ssh`` where it is set, options and all, as GIT_SSH_COMMAND is by git.
        """
        command = shlex.split(os.environ.get("RETABLE_SSH", "ssh"))
        command += ["-L", f"127.0.0.1:{port}:127.0.0.1:{DASHBOARD}"]
        for option in (
            "BatchMode=yes",  # a question could not be answered: fail and say so
            f"ConnectTimeout={SSH_SECONDS}",
            "ExitOnForwardFailure=yes",
            "ServerAliveInterval=15",
            "StrictHostKeyChecking=accept-new",  # `ray up` keeps no host keys, so that the first time is here
        ):
            command += ["-o", option]
        if self.key is not None:
            command += ["-i", str(self.key)]
        return [*command, f"{self.user}@{self.host}" if self.user else self.host, REMOTE]


@dataclass(frozen=True)
class Door:
    """A job server that is reachable now, and the token that it asks for."""

    url: str
    token: str


def head_of(place: str) -> Head:
    """The head that a YAML file for `ray up`, or a job server's URL, speaks of.

    Raises:
        OptionError: it is neither, or the file does not say where the head is.
    """
    if place.startswith(("http://", "https://")):
        return Head(name=place, url=place.rstrip("/"))
    file = Path(place)
    config = _config(file)
    provider, auth = _part(config, "provider"), _part(config, "auth")
    host = provider.get("head_ip")
    if not isinstance(host, str):
        if provider.get("type", "local") == "local":
            raise OptionError(
                f"{file} must say where the head is, as provider.head_ip, but has {host!r}", remedy="add it"
            )
        host = _asked_of_cloud(file)
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
def reached(head: Head) -> Iterator[Door]:
    """The head's job server, for the length of the block; through SSH the head's token is read on the head itself.

    SSH ends with the block, and also when this process is killed, for its standard input is then closed.

    Raises:
        ClusterError: SSH does not get to the head; its own words are told.
        NoTokenError: there is no token here, or on the head.
    """
    if head.url:
        yield Door(head.url, known_token(head.url))
        return
    port = _free_port()
    with tempfile.TemporaryFile("w+") as errors:
        ssh = subprocess.Popen(
            head.ssh(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            token = _token_said(ssh)
            if token is None:
                errors.seek(0)
                raise ClusterError(
                    f"SSH does not get to {head.host}, the head of {head.name}: "
                    f"{errors.read().strip() or 'it ended without a word'}",
                    remedy=f"this must work without a question: {shlex.join(_by_hand(head))}",
                )
            yield Door(f"http://127.0.0.1:{port}", token or known_token(f"the cluster of {head.name}"))
        finally:
            ssh.terminate()
            ssh.communicate()


def _token_said(ssh: "subprocess.Popen[str]") -> str | None:
    """Wait until SSH is in: the token, which may be empty; None if it ended. A login's greeting may come before."""
    assert ssh.stdout is not None
    for line in ssh.stdout:
        _, said, token = line.partition(READY)
        if said:
            return token.strip()
    return None


def _by_hand(head: Head) -> list[str]:
    """A command by which the user can try it."""
    key = ["-i", str(head.key)] if head.key else []
    return ["ssh", *key, f"{head.user}@{head.host}" if head.user else head.host]


def nodes_of(place: str) -> tuple[str, ...]:
    """The addresses of all nodes that a cluster's file names; none where they come and go, or the place is a URL.

    Raises:
        OptionError: there is no such file.
    """
    if place.startswith(("http://", "https://")):
        return ()
    provider = _part(_config(Path(place)), "provider")
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


def _part(config: Any, name: str) -> dict[str, Any]:
    part = config.get(name) if isinstance(config, dict) else None
    return part if isinstance(part, dict) else {}


def _asked_of_cloud(file: Path) -> str:
    """The address of a running head in a cloud, which Ray asks the cloud for."""
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
