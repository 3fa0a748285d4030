import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from retable.data.decode.spec import ClipSpec
from retable.trial.trial import Trial
from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.c3d.scales import PAPER, SMALL


def test_the_papers_sizes_are_the_defaults() -> None:
    assert C3DConfig() == PAPER
    assert (PAPER.widths, PAPER.fc) == ((64, 128, 256, 256, 512, 512, 512, 512), 4096)
    assert PAPER.data == ClipSpec(frames=16, size=112)


def test_it_is_json_ready_and_every_field_counts() -> None:
    json.dumps(asdict(SMALL), allow_nan=False)
    base = Trial(SMALL, 0, "ff").signature
    assert Trial(replace(SMALL, dropout=0.25), 0, "ff").signature != base
    assert Trial(replace(SMALL, data=replace(SMALL.data, flip=False)), 0, "ff").signature != base


def test_the_learning_rate_rises_and_falls_in_straight_lines() -> None:
    config = replace(SMALL, iterations=100, lr=1.0, warmup=10)
    rates = {iteration: config.learning_rate(iteration) for iteration in (0, 4, 9, 50, 99)}
    assert rates == pytest.approx({0: 0.1, 4: 0.5 * 0.96, 9: 0.91, 50: 0.5, 99: 0.01})
    assert replace(config, warmup=0).learning_rate(0) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc": 0}, "fc and widths must be at least 1"),
        ({"widths": ()}, "fc and widths must be at least 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), but got 1.0"),
        ({"lr": 0.0}, "lr must be positive, but got 0.0"),
        ({"warmup": -1}, "warmup must be at least 0 iterations, but got -1"),
        ({"beta2": 1.0}, r"beta2 must be in \[0, 1\), but got 1.0"),
    ],
)
def test_bad_values_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_a_config_is_read_without_torch() -> None:
    code = "import sys, trainables.classifiers.c3d.scales, retable.metrics.protocol, retable.evaluation.config; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
