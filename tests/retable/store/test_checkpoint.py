"""Checkpoints come back to the bit, or are found damaged; never something in between, never code."""

import errno
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from retable.io.files import DiskFull, seal, unseal
from retable.store import checkpoint
from retable.store.checkpoint import Corrupt, Fenced, at, fence, load, newest, prune, save, sound

SIGNATURE = "0123456789abcdef"
FILES = ("state.safetensors", "state.json", "manifest.json")


def state(iteration: int) -> dict[str, Any]:
    return {
        "weight": torch.full((3,), float(iteration)),
        "iteration": iteration,
        "history": {iteration: (0.1, None)},
    }


def saved(folder: Path, *iterations: int) -> Path:
    for iteration in iterations:
        save(
            folder,
            iteration,
            state(iteration),
            signature=SIGNATURE,
            attempt=1,
            metrics={"is": 1.0 + iteration},
        )
    return folder / "checkpoints"


def iterations(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in (folder / "checkpoints").iterdir())


def test_the_newest_comes_back(tmp_path: Path) -> None:
    assert newest(tmp_path, SIGNATURE) is None
    saved(tmp_path, 10, 2, 100)
    found = newest(tmp_path, SIGNATURE)
    assert found is not None
    assert (found.iteration, found.attempt, found.metrics, found.skipped) == (100, 1, {"is": 101.0}, ())
    back = load(found, "cpu")
    assert torch.equal(back.pop("weight"), torch.full((3,), 100.0))
    assert back == {"iteration": 100, "history": {100: (0.1, None)}}


def test_a_training_state_resumes_to_the_bit(tmp_path: Path) -> None:
    """Batch norm, a bfloat16 layer, Adam, a generator: the steps after loading are those of the run left alone."""

    def build() -> tuple[torch.nn.Module, torch.optim.Adam, torch.Generator]:
        torch.manual_seed(1)
        module = torch.nn.Sequential(
            torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1).bfloat16()
        )
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2, betas=(0.0, 0.9))
        return module, optimizer, torch.Generator().manual_seed(3)

    def steps(module: torch.nn.Module, optimizer: torch.optim.Adam, generator: torch.Generator) -> None:
        first, norm, last = module.children()
        for _ in range(3):
            hidden = norm(first(torch.randn(8, 4, generator=generator)))
            optimizer.zero_grad()
            last(hidden.bfloat16()).square().mean().backward()
            optimizer.step()

    def all_state(
        module: torch.nn.Module, optimizer: torch.optim.Adam, generator: torch.Generator
    ) -> dict[str, Any]:
        return {"m": module.state_dict(), "o": optimizer.state_dict(), "g": generator.get_state()}

    alone = build()
    steps(*alone)
    save(tmp_path, 3, all_state(*alone), signature=SIGNATURE, attempt=1)
    steps(*alone)
    resumed = build()
    back = load(at(tmp_path, 3, SIGNATURE), "cpu")
    resumed[0].load_state_dict(back["m"])
    resumed[1].load_state_dict(back["o"])
    resumed[2].set_state(back["g"])
    steps(*resumed)
    for one, other in zip(resumed[0].state_dict().values(), alone[0].state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(resumed[2].get_state(), alone[2].get_state())


def test_loaded_tensors_may_be_changed(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    one, other = (load(at(tmp_path, 1, SIGNATURE), torch.device("cpu")) for _ in range(2))
    one["weight"].add_(1)
    assert other["weight"].tolist() == [1, 1, 1]


def test_metrics_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    save(
        tmp_path,
        1,
        {},
        signature=SIGNATURE,
        attempt=1,
        metrics={"a": float("nan"), "b": float("-inf"), "c": 2},
    )
    assert at(tmp_path, 1, SIGNATURE).metrics == {"c": 2.0}


def test_another_trials_checkpoint_is_refused_and_stays(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    other = "f" * 16
    calls: tuple[Callable[[], object], ...] = (
        lambda: newest(tmp_path, other),
        lambda: at(tmp_path, 1, other),
        lambda: save(tmp_path, 1, state(1), signature=other, attempt=1),
    )
    for call in calls:
        with pytest.raises(
            ValueError, match=f"belongs to trial {SIGNATURE}, but trial {other}.*folder of its own"
        ):
            call()
    assert iterations(tmp_path) == [1]


def test_an_iteration_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="it has none"):
        at(tmp_path, 3, SIGNATURE)
    saved(tmp_path, 2, 10)
    with pytest.raises(FileNotFoundError, match="no checkpoint of iteration 3; it has 2, 10"):
        at(tmp_path, 3, SIGNATURE)


def test_a_newer_format_is_refused_and_stays(tmp_path: Path) -> None:
    manifest = saved(tmp_path, 1) / "00000001" / "manifest.json"
    manifest.write_bytes(seal({**unseal(manifest.read_bytes()), "crc32": None, "format": 2}))
    with pytest.raises(ValueError, match="has format 2, but this version of Retable reads 1"):
        newest(tmp_path, SIGNATURE)
    assert iterations(tmp_path) == [1]


def test_saving_an_iteration_again_keeps_the_sound_one_and_replaces_a_damaged_one(tmp_path: Path) -> None:
    folder = saved(tmp_path, 1)
    before = (folder / "00000001" / "manifest.json").read_bytes()
    save(tmp_path, 1, state(1), signature=SIGNATURE, attempt=2)
    assert (folder / "00000001" / "manifest.json").read_bytes() == before
    (folder / "00000001" / "state.json").unlink()
    save(tmp_path, 1, state(1), signature=SIGNATURE, attempt=2)
    assert at(tmp_path, 1, SIGNATURE).attempt == 2
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == ["00000001-1"]


def test_a_replaced_attempt_saves_nothing(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    fence(tmp_path, 2)
    with pytest.raises(Fenced):
        saved(tmp_path, 2)
    assert iterations(tmp_path) == [1]


def test_an_attempt_that_is_replaced_while_it_saves_saves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(tensors: dict[str, torch.Tensor]) -> bytes:
        fence(tmp_path, 2)
        return b""

    monkeypatch.setattr(checkpoint, "tensor_bytes", slow)
    with pytest.raises(Fenced):
        saved(tmp_path, 1)
    assert iterations(tmp_path) == []


def flipped(path: Path) -> Iterator[tuple[int, Callable[[], None]]]:
    """Each of up to 100 positions of a file, and what changes one bit there."""
    whole = path.read_bytes()
    for number in range(min(100, len(whole))):
        position = number * len(whole) // min(100, len(whole))

        def flip(position: int = position, bit: int = number % 8) -> None:
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)

        yield position, flip


@pytest.mark.parametrize("name", FILES)
def test_one_changed_bit_in_any_file_is_found(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, 1, 2) / "00000002" / name
    whole = path.read_bytes()
    sound = at(tmp_path, 2, SIGNATURE)
    for position, flip in flipped(path):
        flip()
        with pytest.raises(Corrupt):
            at(tmp_path, 2, SIGNATURE)
        if name != "manifest.json":
            with pytest.raises(Corrupt, match="has SHA-256"):
                load(sound, "cpu")  # damaged after it was found whole
        if position % 10 == 0:
            found = newest(tmp_path, SIGNATURE)
            assert found is not None
            assert found.iteration == 1
            assert name in found.skipped[0]
            shutil.move(next((tmp_path / "quarantine").iterdir()), path.parent)
    path.write_bytes(whole)
    assert newest(tmp_path, SIGNATURE) == sound


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def grown(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [emptied, cut, grown, zeroed, Path.unlink])
@pytest.mark.parametrize("name", FILES)
def test_damaged_checkpoints_go_into_quarantine_and_the_newest_sound_one_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], None]
) -> None:
    folder = saved(tmp_path, 1, 2, 3, 4)
    for iteration in (3, 4):
        damage(folder / f"{iteration:08d}" / name)
    found = newest(tmp_path, SIGNATURE)
    assert found is not None
    assert found.iteration == 2
    assert [
        str(tmp_path / "quarantine" / f"0000000{i}-1") in why
        for i, why in zip((4, 3), found.skipped, strict=True)
    ] == [True] * 2
    assert [record.message for record in caplog.records] == list(found.skipped)
    assert sorted(path.name for path in (tmp_path / "quarantine").iterdir()) == ["00000003-1", "00000004-1"]
    again = newest(tmp_path, SIGNATURE)
    assert again is not None
    assert again.skipped == ()


def test_a_renamed_checkpoint_is_not_taken_for_a_later_one(tmp_path: Path) -> None:
    folder = saved(tmp_path, 1, 2)
    os.rename(folder / "00000001", folder / "00000009")
    found = newest(tmp_path, SIGNATURE)
    assert found is not None
    assert found.iteration == 2
    assert "holds iteration 1" in found.skipped[0]


def test_a_stray_copy_beside_checkpoints_is_none_of_them(tmp_path: Path) -> None:
    folder = saved(tmp_path, 1, 2, 3)
    shutil.copytree(folder / "00000003", folder / "00000020.bak")
    (folder / "00000004.tar").touch()
    assert [found.iteration for found in sound(tmp_path, SIGNATURE)] == [3, 2, 1]
    with pytest.raises(FileNotFoundError, match="it has 1, 2, 3"):
        at(tmp_path, 20, SIGNATURE)
    assert prune(tmp_path, keep=2, keep_iterations=()) == [1]
    found = newest(tmp_path, SIGNATURE)
    assert found is not None
    assert (found.iteration, found.skipped) == (3, ())
    assert {path.name for path in folder.iterdir()} == {
        "00000002",
        "00000003",
        "00000020.bak",
        "00000004.tar",
    }


def test_two_ranks_that_meet_the_same_damage_do_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path, 1, 2)
    emptied(folder / "00000002" / "manifest.json")
    rename = os.rename

    def late(source: Path, goal: Path) -> None:
        rename(source, goal)  # the other rank's
        rename(source, goal)

    monkeypatch.setattr(os, "rename", late)
    found = newest(tmp_path, SIGNATURE)
    assert found is not None
    assert found.iteration == 1


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_pickle_is_never_run_even_with_the_right_hashes(tmp_path: Path, name: str) -> None:
    folder = saved(tmp_path, 1) / "00000001"
    data = pickle.dumps(Bomb(tmp_path / "boom"))
    (folder / name).write_bytes(data)
    with pytest.raises(Corrupt):
        at(tmp_path, 1, SIGNATURE)
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    manifest.pop("crc32")
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "manifest.json").write_bytes(seal(manifest))
    with pytest.raises(Corrupt, match="is no checkpoint"):
        load(at(tmp_path, 1, SIGNATURE), "cpu")
    assert not (tmp_path / "boom").exists()


def test_pruning_keeps_the_newest_and_the_named(tmp_path: Path) -> None:
    saved(tmp_path, *range(10, 80, 10))
    assert prune(tmp_path, 3, {20, 999}) == [40, 30, 10]
    assert iterations(tmp_path) == [20, 50, 60, 70]
    assert prune(tmp_path, 0, ()) == [50, 20]
    assert prune(tmp_path, 0, ()) == []
    assert iterations(tmp_path) == [60, 70]


def test_pruning_counts_only_sound_checkpoints(tmp_path: Path) -> None:
    folder = saved(tmp_path, 1, 2, 3, 4)
    cut(folder / "00000004" / "state.safetensors")
    cut(folder / "00000002" / "state.json")
    assert prune(tmp_path, 2, ()) == []
    assert iterations(tmp_path) == [1, 3]


def test_a_full_disk_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(DiskFull, match="bytes are needed in .* but 100 are free"):
        saved(tmp_path, 2)
    assert iterations(tmp_path) == [1]


@pytest.mark.parametrize("call", range(1, 6))
def test_a_disk_that_fills_up_while_saving_leaves_nothing_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    saved(tmp_path, 1)
    count, fsync = iter(range(1, 100)), os.fsync

    def full(handle: int) -> None:
        if next(count) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        saved(tmp_path, 2)
    assert iterations(tmp_path) == (
        [1] if call < 5 else [1, 2]
    )  # the fifth is for a name that is there already
    saved(tmp_path, 2)
    found = newest(tmp_path, SIGNATURE)
    assert found is not None
    assert (found.iteration, found.skipped) == (2, ())
