"""A process is told from a later one with the same number, and from those that cannot be seen from here."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from retable.environment import process
from retable.environment.process import ProcessIdentity


def test_this_process_exists_and_is_the_same_each_time() -> None:
    me = ProcessIdentity.current()
    assert me == ProcessIdentity.current()
    assert me.pid == os.getpid()
    assert me.exists() is True


def test_a_process_that_ended_is_gone_even_before_its_parent_collects_it() -> None:
    name = "ProcessIdentity"
    code = (
        f"from retable.environment.process import {name}; print(repr({name}.current()), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        other = eval(child.stdout.readline(), {"ProcessIdentity": ProcessIdentity})
        assert other.exists() is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not collected
        assert other.exists() is False
    assert other.exists() is False


def test_a_later_process_with_the_same_number_is_another() -> None:
    assert replace(ProcessIdentity.current(), started=1).exists() is False


def test_a_host_that_was_started_anew_has_none_of_its_old_processes() -> None:
    assert replace(ProcessIdentity.current(), boot="another").exists() is False


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"namespace": "pid:[1]"}])
def test_other_hosts_and_containers_cannot_be_seen(change: dict[str, str]) -> None:
    assert replace(ProcessIdentity.current(), pid=2**22 + 1, **change).exists() is None  # type: ignore[arg-type]


def test_a_system_without_proc_is_asked_by_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PROC", tmp_path)
    me = ProcessIdentity.current()
    assert (me.boot, me.namespace, me.started) == ("", "", 0)
    assert me.exists() is True
    assert replace(me, pid=2**22 + 1).exists() is False


def test_another_users_process_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(process, "PROC", tmp_path)
    monkeypatch.setattr(os, "kill", refuse)
    assert replace(ProcessIdentity.current(), pid=1).exists() is True


def test_a_name_with_brackets_and_spaces_does_not_confuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = " ".join(["S", *map(str, range(4, 22)), "777", "0"])
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "stat").write_text(f"5 (a) Z (b) {fields}\n")
    monkeypatch.setattr(process, "PROC", tmp_path)
    assert replace(ProcessIdentity.current(), pid=5, started=777).exists() is True
    assert replace(ProcessIdentity.current(), pid=5, started=778).exists() is False
