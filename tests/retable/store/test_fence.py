"""A replaced attempt is refused, and what it still slips in is not read."""

import pickle
from pathlib import Path

import pytest

from retable.io.sealed import DamagedFile
from retable.store.fence import Fence, Fenced, check, fence
from retable.store.metrics_log import MetricsLog, read


def test_without_a_fence_every_attempt_may_write(tmp_path: Path) -> None:
    check(tmp_path / "none", 1)
    assert Fence.read(tmp_path) == Fence(0, {})


def test_only_the_latest_attempt_may_write(tmp_path: Path) -> None:
    fence(tmp_path, 2)
    fence(tmp_path, 2)  # twice changes nothing
    check(tmp_path, 2)
    check(tmp_path, 3)
    with pytest.raises(Fenced, match="attempt 1 of trial .* was replaced by attempt 2"):
        check(tmp_path, 1)
    with pytest.raises(Fenced, match="replaced"):
        fence(tmp_path, 1)
    assert Fence.read(tmp_path).attempt == 2


def test_a_fence_is_never_moved_by_a_row_that_comes_later(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 1) as metrics_log:
        metrics_log.write(1, {"loss": 1.0})
    fence(tmp_path, 2)
    size = Fence.read(tmp_path).log_bytes[1]
    with (tmp_path / "outbox" / "000001.jsonl").open("ab") as file:
        file.write(b"more")
    fence(tmp_path, 2)
    fence(tmp_path, 3)
    assert Fence.read(tmp_path).log_bytes == {1: size}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"attempt": 1}', '{"attempt": 1, "outboxes": [2]}', '{"attempt": NaN, "outboxes": {}}'],
)
def test_a_damaged_fence_lets_nobody_through_until_it_is_set_anew(tmp_path: Path, text: str) -> None:
    with MetricsLog(tmp_path, 1) as metrics_log:
        metrics_log.write(1, {"loss": 1.0})
    (tmp_path / "fence.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"fence\.json .*; run its study again"):
        check(tmp_path, 9)
    assert [point.value for point in read(tmp_path)[0]] == [1.0]  # a display goes on
    fence(tmp_path, 2)
    assert Fence.read(tmp_path) == Fence(2, {1: (tmp_path / "outbox" / "000001.jsonl").stat().st_size})
    assert (tmp_path / "quarantine" / "fence.json-1").read_text() == text


def test_a_digit_changed_in_a_fence_is_noticed(tmp_path: Path) -> None:
    fence(tmp_path, 2)
    path = tmp_path / "fence.json"
    path.write_text(path.read_text().replace('"attempt": 2', '"attempt": 9'))
    with pytest.raises(DamagedFile, match="was changed after it was written"):
        check(tmp_path, 2)


def test_a_fence_of_an_older_version_has_no_seal_and_counts(tmp_path: Path) -> None:
    (tmp_path / "fence.json").write_text('{"attempt": 3, "outboxes": {"1": 7}}')
    assert Fence.read(tmp_path) == Fence(3, {1: 7})


def test_a_stopped_attempt_that_wakes_writes_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before its look at the fence, and between that look and its write."""
    zombie = MetricsLog(tmp_path, 1)
    zombie.write(1, {"loss": 1.0})
    fence(tmp_path, 2)
    with MetricsLog(tmp_path, 2) as successor:
        successor.write(2, {"loss": 2.0})
    with pytest.raises(Fenced):
        zombie.write(2, {"loss": -1.0})
    monkeypatch.setattr("retable.store.metrics_log.check", lambda folder, attempt: None)
    zombie.write(2, {"loss": -1.0})
    zombie.write(3, {"loss": -1.0})
    zombie.close()
    points, _ = read(tmp_path)
    assert [(p.attempt, p.iteration, p.value) for p in points] == [(1, 1, 1.0), (2, 2, 2.0)]


def test_being_fenced_can_be_told_to_another_process() -> None:
    assert str(pickle.loads(pickle.dumps(Fenced("why")))) == "why"
