import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers

MakeVideo = Callable[..., Path]
MakeReaders = Callable[..., Readers]


def probes(*paths: Path) -> list[dict[str, str | int]]:
    return [{"task": "probe", "path": str(path)} for path in paths]


def children() -> set[str]:
    found = set[str]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended since
            found |= {*(task / "children").read_text().split()}
    return found


def test_a_reader_that_dies_or_hangs_costs_one_file(
    tmp_path: Path, make_video: MakeVideo, misbehaving: MakeReaders
) -> None:
    names = ("a", "dies", "b", "hangs", "c", "crashes", "d")
    paths = [make_video(tmp_path / f"{name}.mp4", seed=seed) for seed, name in enumerate(names)]
    before = children()
    answers = dict(misbehaving("probe").answers(probes(*paths)))
    assert children() <= before
    assert len(answers) == len(names)
    for number, name in enumerate(names):
        assert ("error" in answers[number]) == (len(name) > 1), name
    assert answers[0]["frames"] == 20
    assert answers[1] == {"error": "the reader exited with 3", "lost": True}
    assert answers[3] == {"error": "the reader was still busy after 1 s", "lost": True}
    assert answers[5] == {"error": "the reader was ended by SIGSEGV", "lost": True}


def test_a_file_gets_a_second_chance(tmp_path: Path, make_video: MakeVideo) -> None:
    mark = tmp_path / "mark"
    code = (
        "import os\nfrom retable.data import worker as reader\nreal = reader.TASKS['probe']\n"
        f"def once(**request):\n  try: os.mkdir({str(mark)!r})\n  except FileExistsError: return real(**request)\n"
        "  os._exit(1)\nreader.TASKS = {'probe': once}\nreader.main()"
    )
    readers = Readers(command=(sys.executable, "-c", code))
    ((_, answer),) = readers.answers(probes(make_video(tmp_path / "v.mp4")))
    assert answer["frames"] == 20


def test_a_failed_task_is_an_answer(tmp_path: Path) -> None:
    ((_, answer),) = Readers().answers(probes(tmp_path / "absent.mp4"))
    assert "FileNotFoundError" in str(answer["error"])
    assert "lost" not in answer


def test_decoders_that_write_to_standard_output_are_not_taken_for_answers(tmp_path: Path) -> None:
    code = (
        "import os\nfrom retable.data import worker as reader\n"
        "def noisy(**request):\n  os.write(1, b'noise\\n'); print('more')\n  return {'frames': 1}\n"
        "reader.TASKS = {'probe': noisy}\nreader.main()"
    )
    ((_, answer),) = Readers(command=(sys.executable, "-c", code)).answers(probes(tmp_path))
    assert answer == {"frames": 1}


def test_readers_that_can_not_start_are_not_the_files_fault(tmp_path: Path) -> None:
    readers = Readers(command=(sys.executable, "-c", "raise SystemExit('no decoder here')"))
    with pytest.raises(DataError, match="does not start: no decoder here"):
        list(readers.answers(probes(tmp_path)))


def test_nothing_is_left_behind_by_who_stops_listening(
    tmp_path: Path, make_video: MakeVideo, misbehaving: MakeReaders
) -> None:
    before, threads = children(), {*threading.enumerate()}
    answers = replace(misbehaving("probe"), seconds=900).answers(
        probes(make_video(tmp_path / "a.mp4"), make_video(tmp_path / "hangs.mp4"))
    )
    next(answers)
    answers.close()
    assert children() <= before
    assert {*threading.enumerate()} <= threads
