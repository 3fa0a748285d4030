import re
from io import StringIO

import pytest
from rich.console import Console

from retable.io.console import file_progress_bar


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_without_a_terminal_it_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("retable.io.console.time.monotonic", lambda: now[0])
    console = Console(file=StringIO(), width=160)
    with file_progress_bar(console, "Decoding train") as told:
        for done in range(1, 1201):
            now[0] += 1
            told(done, 1200, done * 27_000_000)
    lines = printed(console)
    assert lines[0] == "Decoding train: 6 of 1,200 files, 162.0 MB in 0:00:06, about 0:19:54 left"
    assert len(lines) == 1200 // 6
    assert lines[-1] == "Decoding train: 1,200 of 1,200 files, 32.4 GB in 0:20:00"


def test_on_a_terminal_it_is_a_bar_and_one_line_stays() -> None:
    console = Console(file=StringIO(), width=160, force_terminal=True, color_system=None)
    with file_progress_bar(console, "Decoding train") as told:
        told(1, 4, 10)
        told(3, 4, 2500)
    (line,) = [line for line in printed(console) if "files" in line]
    assert re.search(r"Decoding train: 3 of 4 files, 2\.5 kB in 0:\d\d:\d\d$", line)
    assert re.search(r"3/4 2\.5 kB 0:\d\d:\d\d so far, .* left", console.file.getvalue())  # type: ignore[attr-defined]


def test_where_nothing_is_done_nothing_is_said() -> None:
    console = Console(file=StringIO())
    with file_progress_bar(console, "Looking at files"):
        pass
    assert printed(console) == []
