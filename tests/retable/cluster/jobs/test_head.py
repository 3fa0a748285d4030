"""Finding a cluster's head in its file, and reaching it through what stands for SSH."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from retable.cluster.connection.token import NoTokenError, known_token, protect
from retable.cluster.jobs.head import Head, head_of, nodes_of, reach

FAKE = Path(__file__).with_name("fake_ssh.py")


@pytest.fixture(autouse=True)
def _own_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))


def cluster(folder: Path, text: str) -> str:
    (folder / "cluster.yaml").write_text(text)
    return str(folder / "cluster.yaml")


def test_a_file_names_all_nodes_or_leaves_them_to_come_and_go(tmp_path: Path) -> None:
    local = "provider: {type: local, head_ip: 10.0.0.1, worker_ips: [10.0.0.2, 10.0.0.3]}"
    assert nodes_of(cluster(tmp_path, local)) == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert nodes_of(cluster(tmp_path, "provider: {type: local, head_ip: 10.0.0.1}")) == ("10.0.0.1",)
    assert nodes_of(cluster(tmp_path, "provider: {type: aws, region: us-west-2}")) == ()
    assert nodes_of("http://10.0.0.1:8265") == ()
    with pytest.raises(ValueError, match="is no such file"):
        nodes_of(str(tmp_path / "absent.yaml"))


def test_a_head_is_reached_as_the_file_says(tmp_path: Path) -> None:
    place = cluster(
        tmp_path,
        "provider: {type: local, head_ip: 10.0.0.1}\nauth: {ssh_user: ann, ssh_private_key: ~/.ssh/lab}",
    )
    head = head_of(place)
    assert head == Head(name=place, host="10.0.0.1", user="ann", key=Path.home() / ".ssh" / "lab")
    command = head.ssh(5000)
    assert command[:3] == ["ssh", "-L", "127.0.0.1:5000:127.0.0.1:8265"]
    assert command[-2] == "ann@10.0.0.1"
    assert command[command.index("-i") + 1] == str(Path.home() / ".ssh" / "lab")
    assert "BatchMode=yes" in command
    assert not any("StrictHostKeyChecking=no" in word for word in command)


@pytest.mark.parametrize("loopback", ["127.0.0.1", "localhost"])
def test_a_head_on_this_machine_needs_no_ssh(tmp_path: Path, loopback: str) -> None:
    head = head_of(cluster(tmp_path, f"provider: {{type: local, head_ip: {loopback}}}"))
    assert head.url == "http://127.0.0.1:8265"


def test_a_url_is_a_cluster_too() -> None:
    assert head_of("https://lab.example:443/").url == "https://lab.example:443"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("provider: {type: local}", "must give the head's address as provider.head_ip, but has None"),
        ("[]", "must give the head's address"),
        ("provider: {type: local, head_ip: 7}", "but has 7"),
        ("provider: [", "is no YAML file"),
        ("provider: !!python/object:os.system {}", "is no YAML file"),
    ],
)
def test_a_file_that_names_no_head_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        head_of(cluster(tmp_path, text))


def test_what_is_neither_a_file_nor_a_url_is_refused() -> None:
    with pytest.raises(ValueError, match=r"such as ray_cluster.yaml, .* but nothing.yaml is no such file"):
        head_of("nothing.yaml")


def test_a_missing_token_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NoTokenError, match=r"http://h:8265 asks for a token, but .*scp USER@HEAD"):
        known_token("http://h:8265")
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "token").chmod(0o644)
    assert known_token("http://h:8265") == "secret"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_a_token_that_is_private_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    (tmp_path / "token").chmod(0o400)
    protect(tmp_path / "token")
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o400
    protect(tmp_path / "absent")


def serve_once(listener: socket.socket) -> None:
    with listener.accept()[0] as connection:
        connection.sendall(b"the head")


def test_ssh_joins_the_port_brings_the_token_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve_once, args=(listener,))
        serving.start()
        words = [sys.executable, str(FAKE), str(listener.getsockname()[1]), str(tmp_path / "log")]
        monkeypatch.setenv("RETABLE_SSH", shlex.join(words))
        with reach(Head(name="lab.yaml", host="10.0.0.1")) as door:
            assert door.token == "secret"
            port = int(door.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as connection:
                assert connection.recv(100) == b"the head"
        serving.join()
    said = json.loads((tmp_path / "log").read_text())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not Path(f"/proc/{said['process']}").exists()
    assert "secret" not in str(said["arguments"])


def test_ssh_ends_when_this_process_is_killed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    words = [sys.executable, str(FAKE), "1", str(tmp_path / "log")]
    code = (
        "import os, signal\n"
        "from retable.cluster.jobs.head import Head, reach\n"
        "with reach(Head(name='lab.yaml', host='10.0.0.1')):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "RETABLE_SSH": shlex.join(words)}
    killed = subprocess.run([sys.executable, "-c", code], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    process = json.loads((tmp_path / "log").read_text())["process"]
    until = time.monotonic() + 300
    while lives(process):
        assert time.monotonic() < until, "ssh outlives it"
        time.sleep(0.05)


def lives(process: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # between the look for the file and the reading, too
        return False


def test_an_ssh_that_does_not_get_there_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETABLE_SSH", "sh -c 'echo ann: Permission denied >&2; exit 255'")
    head = Head(name="lab.yaml", host="10.0.0.1", user="ann", key=Path("/k"))
    with (
        pytest.raises(
            ConnectionError, match=r"(?s)denied.*without asking for anything: ssh -i /k ann@10.0.0.1"
        ),
        reach(head),
    ):
        pass
