"""Codes stored by Ray Data actors inside a plan that Tune runs, one of which is killed. One Ray, in a process of its own."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from retable.data.embedded.images import ensure_embedded_images
from retable.data.samples import array_store
from retable.data.scan.catalog import scan
from retable.figures.revive import revived
from retable.report.results.load import load_results
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.trial import Trial
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.encoding.config import CodesConfig

DEADLINE = 900  # seconds, on a busy machine; alone it takes one minute


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Mapping[str, Any]]]:
    """The data set, the folder of results, and what storing.py printed."""
    folder = tmp_path_factory.mktemp("storing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        patch.setattr(array_store, "ROWS", 6)
        root = ensure_embedded_images(images_per_class=2, size=32)
        (folder / "token").write_text(
            secrets.token_hex(32)
        )  # a home folder may not be there, or not be writable
        (folder / "token").chmod(0o600)
        ours = {"OMP_NUM_THREADS": "1", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
        with (folder / "errors.txt").open("wb") as errors:
            done = subprocess.run(
                [sys.executable, str(Path(__file__).with_name("storing.py")), str(root), str(folder)],
                env={**os.environ, **ours},
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=DEADLINE,
                check=False,
            )
        assert done.returncode == 0, (folder / "errors.txt").read_text()[-2000:]
        yield root, folder, json.loads(done.stdout.splitlines()[-1])


def pieces(outcome: tuple[Path, Path, Mapping[str, Any]], which: int) -> list[tuple[int, int]]:
    """Which shards were begun by which processes."""
    _, folder, result = outcome
    lines = (folder / "trials" / result["signatures"][which] / "pieces.txt").read_text().splitlines()
    return [(int(piece), int(process)) for piece, process in map(str.split, lines)]


def test_a_killed_actor_costs_its_shard_and_nothing_else(
    outcome: tuple[Path, Path, Mapping[str, Any]],
) -> None:
    _, _, result = outcome
    encoder, codes, _ = result["signatures"]
    assert result["states"][encoder] == result["states"][codes] == "done", result["messages"]
    assert result["attempts"][codes] == 1
    begun = pieces(outcome, 1)
    assert sorted(piece for piece, _ in begun) == [0, 1, 1, 2, 3]
    assert len({process for _, process in begun}) >= 2


def test_the_codes_are_those_that_this_process_would_store(
    outcome: tuple[Path, Path, Mapping[str, Any]], tmp_path: Path
) -> None:
    root, folder, result = outcome
    encoder, codes, _ = result["signatures"]
    identity = json.loads((folder / "trials" / encoder / "config.json").read_bytes())
    config = revived(identity, encoder).config
    assert isinstance(config, AutoencoderConfig)
    own = CodesConfig(of=config, data=config.data, scored=4)
    trial = Trial(own, 0, scan(root).fingerprint)
    run = AssignedRun(
        Assignment(trial, tmp_path, root, 1, {encoder: folder / "trials" / encoder}),
        0,
        1,
        torch.device("cpu"),
    )
    writer = own.partitions(0, run)
    for piece in writer.missing():
        writer.write(piece)
    here, there = (
        {path.name: path.read_bytes() for path in (place / "codes").glob("*.arrow")}
        for place in (tmp_path, folder / "trials" / codes)
    )
    assert len(here) == 4
    assert here == there


def test_what_the_actors_spent_is_in_the_result(outcome: tuple[Path, Path, Mapping[str, Any]]) -> None:
    _, folder, result = outcome
    codes = result["signatures"][1]
    content = json.loads((folder / "trials" / codes / "result.json").read_bytes())
    shards = (folder / "trials" / codes / "codes").glob("*-of-00004.json")
    took = [json.loads(path.read_bytes())["seconds"] for path in shards]
    assert len(took) == 4
    assert min(took) >= result["pause"]
    assert content["pieces_seconds"] == pytest.approx(sum(took))
    found = load_results(folder, [codes])[codes]
    assert found.wall_seconds == found.worker_seconds
    assert found.wall_seconds == pytest.approx(sum(took) + content["evaluation_seconds"])


def test_an_error_is_told_as_what_it_is_and_not_repeated(
    outcome: tuple[Path, Path, Mapping[str, Any]],
) -> None:
    _, folder, result = outcome
    broken = result["signatures"][2]
    assert result["states"][broken] == "failed"
    assert "ArithmeticError: asked to fail over shard 1" in result["messages"][broken]
    assert result["attempts"][broken] == 1
    assert [piece for piece, _ in pieces(outcome, 2)].count(1) == 1
    assert not (folder / "trials" / broken / "result.json").exists()
