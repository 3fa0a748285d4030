"""The doctor on two nodes of a Ray on this machine: every check of each, and what lies between them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
DEADLINE = 300

pytestmark = pytest.mark.slow


@contextmanager
def cluster(mode: str, *gpus: int) -> Iterator[str]:
    """The address of a cluster with a node for each number of GPUs, which it only claims."""
    script = Path(__file__).with_name("nodes.py")
    environment = {**os.environ, "RAY_AUTH_MODE": mode, "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, str(script), *map(str, gpus)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield next(line.split()[1] for line in process.stdout if line.startswith("address "))
        finally:
            process.stdin.close()
            process.stdout.read()
            process.wait(timeout=60)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster("token", 0, 1) as found:
        yield found


def doctor(address: str, out: Path) -> tuple[int, list[dict[str, Any]]]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "retable", "doctor", "--address", address, "--out", str(out), "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def test_every_node_is_looked_at_and_so_is_what_lies_between(address: str, tmp_path: Path) -> None:
    code, findings = doctor(address, tmp_path / "results")
    nodes = {finding["node"] for finding in findings} - {"", "driver"}
    assert len(nodes) == 2
    by_node = [{f["check"] for f in findings if f["node"] == node} for node in nodes]
    everywhere = {
        "Python",
        "CUDA",
        "video decoders",
        "token",
        "clock",
        "shared storage",
        "free disk, results",
    }
    assert all(everywhere <= checks for checks in by_node)
    assert sorted("MLflow" in checks for checks in by_node) == [False, True]  # from the head
    alone = {f["check"]: f for f in findings if f["node"] == ""}
    assert alone.keys() == {
        "nodes",
        "cluster asks for the token",
        "same packages on all nodes",
        "same token on all nodes",
        "all-reduce, gloo",
    }
    assert "GB/s" in alone["all-reduce, gloo"]["found"]
    assert alone["nodes"]["found"].startswith("2 nodes: ")
    assert "401" in alone["cluster asks for the token"]["found"]
    assert alone["same packages on all nodes"]["verdict"] == "ok"
    shared = [f for f in findings if f["check"] == "shared storage"]
    assert {(f["verdict"], "files of 2 nodes read" in f["found"]) for f in shared} == {("ok", True)}
    assert list((tmp_path / "results").iterdir()) == []
    failures = [(f["check"], f["found"]) for f in findings if f["verdict"] == "failure"]
    assert [check for check, _ in failures] == ["CUDA"]
    assert "Ray offers 1 GPUs" in failures[0][1]
    assert code == 1


def test_storage_that_no_node_can_write_fails_on_each(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, findings = doctor(address, tmp_path / "file" / "results")
    shared = [f for f in findings if f["check"] == "shared storage"]
    assert (code, [f["verdict"] for f in shared]) == (1, ["failure", "failure"])
    assert len({f["node"] for f in shared}) == 2


def test_a_cluster_without_tokens_is_told_of(tmp_path: Path) -> None:
    with cluster("disabled", 0) as address:
        code, findings = doctor(address, tmp_path)
    asked = next(f for f in findings if f["check"] == "cluster asks for the token")
    assert (code, asked["verdict"]) == (1, "failure")
    assert "without a token" in asked["found"]
