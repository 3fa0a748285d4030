"""Submits to a Ray of its own, as from another machine: `python submitting.py FOLDER`. Prints what happened as JSON.

FOLDER has the file ``token``. The head is reached through what stands for SSH, but for one job.
"""

import io
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(sys.argv[1]).resolve()
os.environ["RAY_AUTH_TOKEN_PATH"] = str(FOLDER / "token")
os.environ["RETABLE_STORAGE"] = str(FOLDER / "storage")
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["RAY_AUTH_MODE"] = "token"  # Ray looks when it is imported
os.environ.pop("RETABLE_CACHE", None)

from rich.console import Console

from retable.cli.commands.doctor import Place, diagnose
from retable.cluster.jobs.client import ClusterClient
from retable.cluster.jobs.head import head_of
from retable.cluster.jobs.jobs import jobs_on

CLUSTER = """
provider: {type: local, head_ip: 10.1.2.3}
auth: {ssh_user: ann, ssh_private_key: ~/.ssh/lab}
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def head(dashboard: int) -> Iterator[None]:
    """A head on loopback, of one CPU, for the length of the block; other Rays on this machine don't meet it."""
    scratch = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # its sockets must have short names
    ports = {"port": 0, "dashboard-port": dashboard, "min-worker-port": 0, "max-worker-port": 0}
    ports |= {"dashboard-agent-listen-port": free_port(), "ray-client-server-port": free_port()}
    options = [f"--{name}={port}" for name, port in ports.items()]
    options += ["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", "--num-cpus=1"]
    options += [f"--temp-dir={scratch}", "--object-store-memory=100000000", "--disable-usage-stats"]
    with (FOLDER / "head.log").open("w") as log:
        ray = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *options],
            stdout=log,
            stderr=log,
        )
        try:
            until = time.monotonic() + 120
            while not listening(dashboard):
                assert time.monotonic() < until, (FOLDER / "head.log").read_text()
                time.sleep(0.2)
            yield
        finally:
            ray.terminate()  # which ends all that it started
            ray.wait(60)
            shutil.rmtree(scratch, ignore_errors=True)


def listening(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def refusal(action: Callable[[], object]) -> str:
    """Why that is refused."""
    try:
        action()
    except (ValueError, OSError) as error:
        return str(error)
    return "it was not"


def main() -> dict[str, object]:
    """All of it, on one Ray."""
    port = free_port()
    os.environ["RETABLE_SSH"] = shlex.join(
        [sys.executable, str(HERE / "fake_ssh.py"), str(port), str(FOLDER / "ssh.json")]
    )
    place = FOLDER / "ray_cluster.yaml"
    place.write_text(CLUSTER)
    text = io.StringIO()
    console = Console(file=text, width=160)

    def remote(file: str, study: str, place: str = str(place)) -> ClusterClient:
        return ClusterClient(
            place=place,
            file=(HERE / file).resolve(),
            study=study,
            selection=("--tables", "1"),
            console=console,
        )

    def said() -> str:
        text.seek(0)
        words = text.read()
        text.seek(0)
        text.truncate()
        return words

    result: dict[str, object] = {}
    with head(port):
        saying = remote("saying.py", "saying")
        job = saying.submit(["script", "{study}", "--wait"])
        saying.hint()
        result["submitted"] = said()
        result["again"] = refusal(lambda: saying.submit(["script", "{study}"]))
        follower = threading.Thread(target=lambda: result.update(code=saying.follow(job)))
        follower.start()
        while "\nsaid {" not in text.getvalue():
            time.sleep(0.2)
        result["stopped"] = remote("saying.py", "saying", f"http://127.0.0.1:{port}").stop()
        follower.join()
        result["followed"] = said()
        result["logs"] = (saying.logs(follow=False), said())

        walking = remote("../walking.py", "walking")
        result["table"] = (walking.table(FOLDER / "here"), said())
        result["status"] = (saying.status(), said())
        result["wrong"] = (walking.table(FOLDER / "here", "--seeds", "x"), said())
        result["doctor"] = (diagnose(Place(FOLDER, cluster=str(place)), console, as_json=True), said())
        with jobs_on(head_of(str(place))) as jobs:
            result["jobs"] = [
                details.submission_id for details in jobs.client.list_jobs() if details.submission_id
            ]
        (FOLDER / "token").write_text("another")
        result["refused"] = refusal(remote("saying.py", "saying", f"http://127.0.0.1:{port}").stop)
        result["ssh"] = json.loads((FOLDER / "ssh.json").read_text())["arguments"]
    return result


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201
