"""ray_cluster.yaml and the scripts it runs on each node, without a cluster."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "clusters" / "node"
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())


def test_ray_takes_the_file_and_it_is_one_machine_as_it_stands() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(CONFIG)
    validate_config(prepared)
    assert prepared["provider"] == {"type": "local", "head_ip": "127.0.0.1", "worker_ips": []}
    assert prepared["max_workers"] == 0


def test_all_that_is_installed_travels_and_nothing_else() -> None:
    mounts = {Path(remote).relative_to("~/retable"): local for remote, local in CONFIG["file_mounts"].items()}
    assert all((ROOT / local).resolve() == ROOT / remote for remote, local in mounts.items())
    assert {"platform", "trainables", "studies", "pyproject.toml", "constraints.txt"} <= {
        path.as_posix() for path in mounts
    }
    assert not {".git", ".venv", "results", "tests"} & {path.parts[0] for path in mounts}


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_finds_nothing() -> None:
    scripts = sorted(NODE.glob("*.sh"))
    found = subprocess.run(["shellcheck", *scripts], check=False, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node's home folder with the scripts, and a python3 that only writes down how it was called."""
    shutil.copytree(NODE, tmp_path / "retable" / "clusters" / "node")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / "retable" / name)
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n'
        '[ "$2" != venv ] || { mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; }\n'
    )
    fake.chmod(0o755)
    return tmp_path


def _run(home: Path, script: str) -> list[str]:
    """What the script had python3 do."""
    (home / "calls").write_text("")
    environment = {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        [home / "retable" / "clusters" / "node" / script],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (home / "calls").read_text().splitlines()


def test_a_node_installs_in_the_lock_s_versions_once_and_again_when_they_change(node: Path) -> None:
    version, venv, pip = _run(node, "setup.sh")
    assert "sys.version_info" in version
    assert venv == "-m venv .venv"
    assert pip == "-m pip install --quiet --disable-pip-version-check -c constraints.txt -e ."
    assert _run(node, "setup.sh") == []
    locked = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")) + b".\n"
    stamp = (node / "retable" / ".venv" / ".ready").read_text()
    assert stamp == f"{hashlib.sha256(locked).hexdigest()}  -\n"
    with (node / "retable" / "constraints.txt").open("a") as file:
        file.write("another==1.0\n")
    assert len(_run(node, "setup.sh")) == 3
    settings = node / "retable" / "clusters" / "node" / "settings.env"
    settings.write_text("RETABLE_POSTGRES_URL=postgresql://retable:secret@db.example/mlflow\n")
    assert _run(node, "setup.sh")[-1].endswith("-c constraints.txt -e .[postgres]")
    assert (node / ".bashrc").read_text().count("retable/.venv/bin") == 1


def test_the_token_is_made_once_and_only_for_its_owner(node: Path) -> None:
    token = node / ".ray" / "auth_token"
    _run(node, "token.sh")
    first = token.read_text()
    assert len(first) == 64
    token.chmod(0o644)  # as Ray writes it
    _run(node, "token.sh")
    assert token.read_text() == first
    assert token.stat().st_mode & 0o777 == 0o600
