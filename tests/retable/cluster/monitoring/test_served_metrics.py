"""What a Ray of our own serves to Prometheus: every metric that the dashboard asks for, with its labels, and no longer
than its process lives."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from retable.cluster.monitoring.series import ATTEMPTS, COUNTERS, FILES, GAUGES, SCORE, TRIALS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[4]
OF_WORKERS = {f"ray_{series.name}" for series in GAUGES if series is not TRIALS}

Sample = tuple[str, Mapping[str, str], float]


def parsed(lines: list[str]) -> list[Sample]:
    samples: list[Sample] = []
    for line in lines:
        found = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line)
        assert found is not None, line
        samples.append((found[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2])), float(found[3])))
    return samples


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Sample]]:
    folder = tmp_path_factory.mktemp("serving")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("serving.py")), str(folder)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    return {name: parsed(answer[name]) for name in ("first", "later", "after")}


def test_every_metric_is_served_with_its_labels(told: dict[str, list[Sample]]) -> None:
    expected = {
        **{f"ray_{series.name}": set(series.labels) for series in GAUGES},
        **{f"ray_{series.name}_total": set(series.labels) for series in COUNTERS},
    }
    assert {name for name, _, _ in told["first"]} == expected.keys()
    for name, labels, _ in told["first"]:
        assert expected[name] <= labels.keys()


def test_values_are_those_that_were_measured(told: dict[str, list[Sample]]) -> None:
    values = {
        (name, labels.get("state") or labels.get("metric")): value for name, labels, value in told["later"]
    }
    assert values["ray_retable_step_seconds", None] == 0.02
    assert values["ray_retable_gpu_memory_bytes", None] == 3 * 2**20
    assert values["ray_retable_iteration", None] == 20
    assert values["ray_retable_gang_workers", None] == 1
    assert values["ray_retable_trials", "collapsed"] == 2
    assert values["ray_retable_trials", "running"] == 1
    assert values["ray_retable_trials", "failed"] == 0
    assert values[f"ray_{ATTEMPTS.name}_total", "failed"] == 1
    assert (f"ray_{ATTEMPTS.name}_total", "blocked") not in values
    assert next(value for name, _, value in told["later"] if name == f"ray_{FILES.name}_total") == 3
    assert values["ray_retable_score", "is"] == 1.5
    assert values["ray_retable_evaluation_seconds", None] == 0.5
    cells = {labels["cell"] for _, labels, _ in told["later"] if "cell" in labels}
    assert cells == {'9: lambda = 1/2, \\"full\\"'}


def test_a_gauge_outlives_rays_memory_of_it_but_not_its_process(told: dict[str, list[Sample]]) -> None:
    later, after = ({name for name, _, _ in told[when]} for when in ("later", "after"))
    assert later >= OF_WORKERS
    assert after & OF_WORKERS == set()
    assert f"ray_{TRIALS.name}" in after


def test_a_score_that_is_no_number_any_more_is_not_served(told: dict[str, list[Sample]]) -> None:
    assert {labels.get("metric") for name, labels, _ in told["later"] if name == f"ray_{SCORE.name}"} == {
        "is"
    }
