"""The README's cluster commands on three hosts made here: a study goes on while one host dies and another is cut off."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import yaml

from retable.data.embedded.clips import ensure_embedded
from tests.retable.cluster.hosts import ROOT, Hosts, hosts, install, why_not

pytestmark = pytest.mark.cluster
HEAD = 1
PAUSE = 1.0
"""Seconds that a step takes on the hosts: an iteration of 40 is something that one can disturb."""


@dataclass
class Cluster:
    """Three hosts and a checkout whose ray_cluster.yaml names them."""

    hosts: Hosts
    folder: Path

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def storage(self) -> Path:
        """What all hosts share, as by NFS."""
        return self.folder / "storage"

    def here(self, *command: str, timeout: float = 600) -> str:
        """What a command of the README says, in the checkout on this machine."""
        with (self.folder / "said.log").open("a+") as said:
            begin = said.seek(0, os.SEEK_END)
            code = subprocess.run(
                command,
                check=False,
                cwd=self.checkout,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=timeout,
            ).returncode
            said.seek(begin)
            text = said.read()
        assert code == 0, f"{command} ended with {code}:\n{text}"
        return text

    def start_locally(self) -> "subprocess.Popen[bytes]":
        """The same study in one process of this machine."""
        command = [sys.executable, "-m", "retable", "run", "studies/spanning.py", "--local", "--out", "local"]
        with (self.folder / "local.log").open("w") as said:
            return subprocess.Popen(
                [*command, "--data", str(self.folder / "data")],
                cwd=self.checkout,
                env=self._environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def on_head(self, command: str, *, timeout: float = 120) -> str:
        """What a command says on the head, with what the node scripts set."""
        return self.hosts.run(
            HEAD, f"cd ~/retable && . clusters/node/environment.sh && {command}", timeout=timeout
        )

    def nodes(self) -> int:
        """How many nodes Ray counts."""
        found = re.search(r"(\d+) local\.cluster\.node", self.on_head("ray status"))
        return int(found[1]) if found else 0

    def worker_group(self, s_t: int) -> list[int]:
        """The hosts of that walk's workers, so far."""
        return sorted({int(file.name[-1]) for file in (self.folder / "seen").glob(f"{s_t}-*")})

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{self.checkout / 'platform'}:{self.checkout}",
            "RAY_TMPDIR": str(self.folder / "ray"),  # `ray up` notes there which nodes it started
            "RAY_USAGE_STATS_ENABLED": "0",
            "RETABLE_CACHE": str(self.folder / "cache"),
            "RETABLE_SSH": "ssh -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no",  # made for this test
        }
        environment.pop("MLFLOW_TRACKING_URI", None)
        return environment


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    """Skips, and says why, where no hosts can be made."""
    if why := why_not():
        pytest.skip(why)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    for name in ("seen", "ray", "storage"):
        (tmp_path / name).mkdir()
    (tmp_path / "data").symlink_to(ensure_embedded(tmp_path / "cache", 2))
    with hosts(tmp_path, 3) as made:
        for host in range(1, made.size + 1):
            install(made.home(host))
        _check_out(tmp_path / "checkout", made)
        yield Cluster(made, tmp_path)


def _copy(to: Path) -> None:
    """What of this checkout travels to the nodes."""
    config = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
    for name in [*config["file_mounts"].values(), "ray_cluster.yaml", "LICENSE"]:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, to / name)


def _check_out(to: Path, hosts: Hosts) -> None:
    """A copy of this checkout with the study of walks, whose ray_cluster.yaml is edited as its user is told to."""
    _copy(to)
    text = (to / "ray_cluster.yaml").read_text()
    workers = ", ".join(hosts.ip(host) for host in range(HEAD + 1, hosts.size + 1))
    edited = text.replace("head_ip: 127.0.0.1", f"head_ip: {hosts.ip(HEAD)}")
    edited = edited.replace("worker_ips: []", f"worker_ips: [{workers}]")
    edited = re.sub("# ssh_private_key: [^ ]*", f"ssh_private_key: {hosts.key}", edited)
    assert sum(a != b for a, b in zip(text.splitlines(), edited.splitlines(), strict=True)) == 3
    (to / "ray_cluster.yaml").write_text(edited)
    folder = hosts.folder
    (to / "clusters" / "node" / "settings.env").write_text(
        f"RETABLE_STORAGE={folder / 'storage'}\nRETABLE_CACHE={folder / 'cache'}\n"
        f"WALKING_PAUSE={PAUSE}\nWALKING_SEEN={folder / 'seen'}\n"
        "RAY_OVERRIDE_RESOURCES='{\"CPU\": 1}'\n"  # so that two workers are on two hosts
    )
    shutil.copy(Path(__file__).with_name("walking.py"), to / "studies" / "walking.py")
    (to / "studies" / "spanning.py").write_text(
        "from retable.cli.main import main_study\n"
        "from studies.walking import STUDY\n\n"  # by its name, so that Ray's workers find the classes
        'if __name__ == "__main__":\n    raise SystemExit(main_study(STUDY))\n'
    )


def _until(so: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(1)


def test_a_study_outlives_a_host_and_a_cut_and_nothing_is_left(cluster: Cluster) -> None:
    local = cluster.start_locally()
    cluster.here("ray", "up", "-y", "ray_cluster.yaml")
    _until(lambda: cluster.nodes() == 3, 1200, "three nodes")  # a busy machine starts Ray slowly
    _nobody_gets_in(cluster)

    study = ("studies/spanning.py", "--cluster", "ray_cluster.yaml")
    data = ("--data", str(cluster.folder / "data"))
    cluster.here("retable", "submit", *study, *data, "--workers", "2")

    dead = _disturbed(cluster, 1, cluster.hosts.kill)
    cut = _disturbed(cluster, 2, cluster.hosts.cut)
    time.sleep(20)
    cluster.hosts.heal(cut)
    assert cut != dead

    cluster.here("retable", "logs", *study, "--follow", timeout=900)
    cluster.here("retable", "table", *study, *data, "--out", "brought")
    assert local.wait(300) == 0, (cluster.folder / "local.log").read_text()
    ours, alone = (
        pd.read_parquet(cluster.checkout / folder / "tables" / "walking" / "table_1.parquet")["value"]
        for folder in ("brought", "local")
    )
    pd.testing.assert_series_equal(ours, alone, rtol=1e-6)
    assert _runs(cluster) == {
        "walking smoke": "FINISHED",
        "judge": "FINISHED",
        "s_t=1 batch_size=4": "FINISHED",
        "s_t=2 batch_size=4": "FINISHED",
        "s_t=3 batch_size=3": "FINISHED",
    }

    cluster.here("ray", "down", "-y", "ray_cluster.yaml")
    for host in {1, 2, 3} - {dead}:
        _nothing_left(cluster.hosts, host)


def test_unedited_it_is_this_machine_alone(tmp_path: Path) -> None:
    """What a user's own machine needs is there: sshd on loopback, and a key that it lets in."""
    with hosts(tmp_path, 1) as made:
        install(home := made.home(1))
        _copy(home / "checkout")
        (home / ".ssh").mkdir(mode=0o700)
        shutil.copy(made.key, home / ".ssh" / "id_ed25519")
        loopback = tmp_path / "loopback.conf"
        loopback.write_text((tmp_path / "hosts" / "sshd1.conf").read_text().replace(made.ip(1), "127.0.0.1"))
        made.run(1, f"/usr/sbin/sshd -f {loopback}")
        here = "cd ~/checkout && PATH=$PATH:~/retable/.venv/bin"
        made.run(1, f"{here} ray up -y ray_cluster.yaml", timeout=600)
        status = made.run(1, f"{here} RAY_AUTH_MODE=token ray status")
        assert "1 local.cluster.node" in status
        made.run(1, f"{here} ray down -y ray_cluster.yaml", timeout=300)
        _nothing_left(made, 1)


def _nothing_left(hosts: Hosts, host: int) -> None:
    """Not one process runs on the host within two minutes."""
    try:
        _until(lambda: not hosts.processes(host), 120, f"nothing left on host {host}")
    except AssertionError as error:
        raise AssertionError(f"{error}: {hosts.processes(host)}") from None


def _nobody_gets_in(cluster: Cluster) -> None:
    """Nobody without the token does, and nobody from another host reaches what people look at."""
    first, *others = (
        cluster.hosts.run(host, "stat -c %a ~/.ray/auth_token && cat ~/.ray/auth_token") for host in (1, 2, 3)
    )
    assert first.startswith("600\n")
    assert others == [first, first]
    reach = "timeout 5 bash -c ': <> /dev/tcp/{}/{}' 2>&1 || true"
    for port in (8265, 5000):
        assert cluster.hosts.run(HEAD, reach.format("127.0.0.1", port)) == ""
        assert "refused" in cluster.hosts.run(HEAD + 1, reach.format(cluster.hosts.ip(HEAD), port))
    ask = "import urllib.request as u; print(u.urlopen('http://{}').read().decode())"
    jobs = ask.format("127.0.0.1:8265/api/jobs/")
    assert "401" in cluster.on_head(f'python -c "{jobs}" 2>&1 || true')
    metrics = ask.format(f"{cluster.hosts.ip(HEAD + 1)}:8080/metrics")  # what Prometheus reads of each node
    assert "ray_node_cpu_utilization" in cluster.on_head(f'python -c "{metrics}"')


def _disturbed(cluster: Cluster, s_t: int, disturb: Callable[[int], None]) -> int:
    """Disturb a host that a walk's worker group is on, in the middle of its training. Returns which."""
    _until(lambda: len(cluster.worker_group(s_t)) == 2, 600, f"a worker group of two hosts for s_t={s_t}")
    host = cluster.worker_group(s_t)[-1]
    assert host != HEAD
    time.sleep(15 * PAUSE)  # past the first checkpoint of 10 iterations, and before the end of 40
    disturb(host)
    return host


def _runs(cluster: Cluster) -> dict[str, str]:
    """The runs that MLflow on the head holds: name -> status."""
    ask = (
        "from mlflow import MlflowClient; import json; c = MlflowClient('http://127.0.0.1:5000'); "
        "e = c.get_experiment_by_name('walking'); "
        "print(json.dumps([[r.info.run_name, r.info.status] for r in c.search_runs([e.experiment_id])]))"
    )
    runs = json.loads(cluster.on_head(f'python -c "{ask}"').splitlines()[-1])
    names = sorted(name for name, _ in runs)
    assert not [a for a, b in pairwise(names) if a == b], runs
    return dict(runs)
