"""clusters/slurm.sh, run for real between fakes of Slurm, of the node scripts and of Python."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "clusters" / "slurm.sh"
PATIENCE = 300  # seconds, on a busy machine

FAKES = {
    "clusters/node/head.sh": 'echo "head $RETABLE_NODE_IP" >> "$LOG"',
    "clusters/node/worker.sh": '[ "$FAKE_NODE" != "${FAKE_LOST:-}" ] && echo "worker $RETABLE_NODE_IP of $RAY_HEAD_IP" >> "$LOG"',
    "clusters/node/stop.sh": 'echo "stop" >> "$LOG"',
    "clusters/node/environment.sh": "export RETABLE_STORAGE=${RETABLE_STORAGE:-$PWD/results}",
    ".venv/bin/ray": "exit 0",
    "bin/scontrol": 'echo "scontrol $*" >> "$LOG"; printf "%s\\n" $SLURM_JOB_NODELIST',
    # A step on every other node; what it started ends with it.
    "bin/srun": """trap 'kill $(jobs -p)' EXIT; trap exit TERM
echo "srun $*" >> "$LOG"
while [ "${1#-}" != "$1" ]; do shift; done
for node in $SLURM_JOB_NODELIST; do
  if [ "$node" != first ]; then (export FAKE_NODE=$node; exec "$@") & fi
done
wait""",
    "bin/hostname": """case $1 in -s) echo "${FAKE_NODE:-first}" ;; -I) echo "10.0.0.${FAKE_NODE:-1} 192.168.0.1" ;; esac""",
    # In the five seconds between two looks all workers come that will, however long it takes.
    "bin/sleep": """[ "$1" != infinity ] || exec /bin/sleep 900
for node in $SLURM_JOB_NODELIST; do
  case $node in first | "${FAKE_LOST:-}") continue ;; esac
  for _ in $(seq 6000); do ! grep -q "^worker 10.0.0.$node " "$LOG" || break; /bin/sleep 0.05; done
done""",
    "bin/python": """case $1 in
  -c) echo $((1 + $(grep -c ^worker "$LOG"))) ;;
  *) echo "python $*" >> "$LOG"; echo "mlflow $MLFLOW_TRACKING_URI" >> "$LOG"
     [ -z "${FAKE_LONG:-}" ] || { trap 'echo interrupted >> "$LOG"; exit 130' INT; echo ready >> "$LOG"; for _ in $(seq 6000); do /bin/sleep 0.1; done; }
     exit "${FAKE_STATUS:-0}" ;;
esac""",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like the checkout to the script."""
    for name, body in FAKES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    return tmp_path


def started(checkout: Path, *arguments: str, **changed: str) -> subprocess.Popen[str]:
    environment = {
        "HOME": str(checkout),
        "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
        "LOG": str(checkout / "log"),
        "SLURM_JOB_ID": "7",
        "SLURM_SUBMIT_DIR": str(checkout),
        "SLURM_JOB_NODELIST": "first 2 3",
        **changed,
    }
    return subprocess.Popen(
        # A shell's job in the background ignores SIGINT, and so does all that it starts; Slurm's does not.
        ["env", "--default-signal=INT", "bash", str(SCRIPT), *arguments],
        env=environment,
        stdout=-1,
        stderr=-1,
        text=True,
        start_new_session=True,
    )


def log(checkout: Path) -> list[str]:
    path = checkout / "log"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def until(checkout: Path, line: str) -> None:
    """Wait until the fakes have said so."""
    for _ in range(PATIENCE * 20):
        if line in log(checkout):
            return
        time.sleep(0.05)
    raise AssertionError(f"{line!r} is not in {log(checkout)}")


def test_head_workers_study_and_end(checkout: Path) -> None:
    job = started(checkout, "studies/a.py", "--scale", "paper")
    output, errors = job.communicate(timeout=PATIENCE)
    assert (job.returncode, errors) == (0, "")
    assert "3 of 3 nodes are up." in output
    lines = log(checkout)
    assert lines[0] == "head 10.0.0.1"
    assert {"worker 10.0.0.2 of 10.0.0.1", "worker 10.0.0.3 of 10.0.0.1"} <= set(lines)
    assert f"python studies/a.py --scale paper --address auto --out {checkout}/results" in lines
    assert "mlflow http://127.0.0.1:5000" in lines
    assert lines[-1] == "stop"
    (step,) = [line for line in lines if line.startswith("srun")]
    assert "--nodes=2 --ntasks=2" in step
    assert "--exclude=first" in step


def test_one_node_needs_no_step(checkout: Path) -> None:
    job = started(checkout, "a.py", SLURM_JOB_NODELIST="first")
    job.communicate(timeout=PATIENCE)
    assert job.returncode == 0
    assert not [line for line in log(checkout) if line.startswith("srun")]


def test_the_jobs_status_is_the_studys(checkout: Path) -> None:
    job = started(checkout, "a.py", FAKE_STATUS="3")
    job.communicate(timeout=PATIENCE)
    assert job.returncode == 3
    assert log(checkout)[-1] == "stop"


def test_a_worker_that_does_not_come_is_told_of_and_not_waited_for_for_ever(checkout: Path) -> None:
    job = started(checkout, "a.py", FAKE_LOST="3")
    output, _ = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0
    assert "2 of 3 nodes are up." in output


def test_before_the_time_is_up_the_study_is_interrupted_and_waited_for(checkout: Path) -> None:
    job = started(checkout, "a.py", FAKE_LONG="1")
    until(checkout, "ready")
    job.send_signal(signal.SIGINT)  # to the batch script alone, as --signal=B:INT does
    job.communicate(timeout=PATIENCE)
    assert job.returncode == 130
    assert log(checkout)[-2:] == ["interrupted", "stop"]


def test_cancelling_ends_everything(checkout: Path) -> None:
    job = started(checkout, "a.py", FAKE_LONG="1")
    until(checkout, "ready")
    os.killpg(job.pid, signal.SIGTERM)
    job.communicate(timeout=PATIENCE)
    assert job.returncode != 0
    assert log(checkout)[-1] == "stop"


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        ((), {}, "usage: sbatch"),
        (("a.py",), {"SLURM_JOB_ID": ""}, "under Slurm"),
        (("a.py",), {"SLURM_SUBMIT_DIR": "/"}, "not the root of the checkout"),
    ],
)
def test_mistakes_are_told_before_anything_starts(
    checkout: Path, arguments: tuple[str, ...], changed: dict[str, str], said: str
) -> None:
    job = started(checkout, *arguments, **changed)
    _, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 2
    assert said in errors
    assert not log(checkout)


@pytest.mark.parametrize("script", sorted(SCRIPT.parent.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_parse_and_shellcheck_is_content(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    checked = subprocess.run(
        ["shellcheck", "-x", script], cwd=SCRIPT.parents[1], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
