import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from retable.io.sealed import DamagedFile
from retable.store.formats.layout import ResultsFolder
from retable.store.metrics_log import Position, Unread
from retable.tracking.delivery import Delivery
from retable.tracking.runs import TrialRun
from retable.tracking.state import DeliveryState
from retable.tracking.uploader import upload_all


def trial_of(results: Path, signature: str) -> TrialRun:
    folder = ResultsFolder(results).trial(signature).path
    return TrialRun(
        study="a/b",
        scale="smoke",
        signature=signature,
        name="one",
        folder=folder,
        parameters={"lr": 0.1, "toggle": True},
    )


def state_of(results: Path, signature: str) -> DeliveryState:
    return DeliveryState(
        experiment="a/b",
        trial=trial_of(results, signature),
        training="beef",
        state="done",
        start_ms=1,
        end_ms=2,
        place="00ff",
        run_id=f"run of {signature}",
        position=Position(2, 30, {"loss": 4}, (Unread(1, 5, 6),)),
        files={"config.json": "0123"},
        ended=True,
    )


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """The cut state of one of two trials."""
    for signature in ("one", "two"):
        state_of(tmp_path, signature).write()
    path = DeliveryState.path(trial_of(tmp_path, "one"))
    path.write_bytes(path.read_bytes()[:200])
    return path


def test_a_state_comes_back_wherever_its_folder_lies_now(tmp_path: Path) -> None:
    state = state_of(tmp_path / "before", "one")
    state.write()
    assert DeliveryState.read(DeliveryState.path(state.trial)) == state
    (tmp_path / "before").rename(tmp_path / "after")
    moved = DeliveryState.path(trial_of(tmp_path / "after", "one"))
    assert moved.name == "a%2Fb.smoke.json"
    assert DeliveryState.read(moved) == replace(state, trial=trial_of(tmp_path / "after", "one"))


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../two/result.json", "samples/../../../ledger.db"])
def test_artifacts_outside_of_the_trials_folder_are_refused(tmp_path: Path, pattern: str) -> None:
    state = state_of(tmp_path, "one")
    replace(state, trial=replace(state.trial, artifacts=(pattern,))).write()
    with pytest.raises(DamagedFile, match="artifacts must lie in the trial's folder"):
        DeliveryState.read(DeliveryState.path(state.trial))


def test_a_cut_state_costs_no_other_trial_its_run_id(damaged: Path, tmp_path: Path) -> None:
    assert Delivery.runs(tmp_path, "a/b", "smoke") == {"two": "run of two"}
    assert damaged.exists()  # reading changes nothing


def test_a_cut_state_is_told_when_everything_is_uploaded(damaged: Path, tmp_path: Path) -> None:
    DeliveryState.path(trial_of(tmp_path, "two")).unlink()
    told: list[str] = []
    assert upload_all(tmp_path, {}, told.append, 1.0) == 1
    assert [str(damaged) in message and "run its study again" in message for message in told] == [True]


def test_a_cut_state_is_set_aside_and_its_trial_delivered_again(
    damaged: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = damaged.read_bytes()
    with caplog.at_level(logging.WARNING):
        delivery = Delivery.of(trial_of(tmp_path, "one"), "a/b")
    assert (delivery.run_id, delivery.state) == ("", None)
    aside = damaged.parents[1] / "quarantine" / f"{damaged.name}-1"
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text
    delivery.begin(delivery.trial)
    assert json.loads(damaged.read_bytes())["state"] is None
    assert DeliveryState.read(damaged).training == delivery.training
