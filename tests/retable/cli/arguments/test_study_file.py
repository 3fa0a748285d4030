"""A study's file: loaded as `python FILE` runs it, and its mistakes in one sentence with file and line."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retable.cli.arguments.study_file import PREFIX, StudyFileError, load_study, loaded_files
from retable.cli.main import main

ROOT = Path(__file__).parents[4]
TEXT = """\
from __future__ import annotations

from dataclasses import dataclass, replace

from captions_beside import CAPTION
from retable.evaluation.config import Evaluation
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from trainables.classifiers.c3d.scales import PAPER
from trainables.video_gan.config import VideoGANConfig


@dataclass(frozen=True)
class Note:
    text: str = CAPTION


BASE = VideoGANConfig(s_t=2, evaluation=Evaluation(classifier=PAPER))
ROWS = (Row("one", BASE),)
TABLE = Table("1", Note().text, ROWS, (Column("IS", "is"),))
STUDY = Study(
    name="noted",
    paper="A note",
    tables=(TABLE,),
    scales={"smoke": Scale(name="smoke", data="embedded", shrink=lambda config: config, tables={"1": None})},
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions_beside.py").write_text('CAPTION = "From the file beside"\n')
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(PREFIX) or name == "captions_beside"]:
        del sys.modules[name]


def written(folder: Path, text: str = TEXT, name: str = "noted.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_runs_the_same_both_ways(folder: Path) -> None:
    path = written(folder)
    printed = []
    for words in ([str(path), "status"], ["-m", "retable", "status", str(path)]):
        command = [sys.executable, *words, "--out", str(folder / "new")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout)
    assert "nothing was run with" in printed[0]
    assert printed[0] == printed[1]


def test_a_file_is_loaded_with_its_folder_and_its_own_module(folder: Path) -> None:
    path = written(folder, name="json.py")  # a name that a module has
    before = sys.modules["json"]
    study = load_study(path)
    assert study.tables[0].caption == "From the file beside"
    assert sys.modules["json"] is before
    (module,) = loaded_files()
    assert Path(str(module.__file__)) == path
    assert sys.modules[module.Note.__module__] is module


def test_a_file_that_has_changed_is_loaded_again(folder: Path) -> None:
    assert load_study(written(folder)).paper == "A note"
    assert load_study(written(folder, TEXT.replace("A note", "Another"))).paper == "Another"
    assert len(loaded_files()) == 1


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        ("s_t=2", "s_tt=2", 19, "VideoGANConfig has no field 's_tt'; did you mean 's_t'?"),
        (
            "BASE),)",
            "replace(BASE, batchsize=3)),)",
            20,
            "VideoGANConfig has no field 'batchsize'; did you mean 'batch_size'?",
        ),
        ("scales=", "scalez=", 22, "Study has no field 'scalez'; did you mean 'scales'?"),
        (
            '    paper="A note",\n',
            "",
            22,
            "Study.__init__() missing 1 required keyword-only argument: 'paper'",
        ),
        ("BASE),)", "BAES),)", 20, "name 'BAES' is not defined; did you mean 'BASE'?"),
        ("Note().text", "Note().txt", 21, "'Note' object has no attribute 'txt'; did you mean 'text'?"),
        ("import Column", "import Colunm", 9, "retable.study.table has no 'Colunm'; did you mean 'Column'?"),
        (
            "video_gan.config",
            "video_gan.confg",
            11,
            "there is no module 'trainables.video_gan.confg'; did you mean 'config'?",
        ),
        (
            "captions_beside",
            "caption_beside",
            5,
            "there is no module 'caption_beside'; did you mean 'captions_beside'?",
        ),
        ("s_t=2", "s_t=2 3", 19, "invalid syntax"),
        ("s_t=2", "s_t=0", 19, "s_t must be at least 1, but got 0"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_line(
    folder: Path, capsys: pytest.CaptureFixture[str], right: str, wrong: str, line: int, message: str
) -> None:
    assert TEXT.count(right) >= 1
    path = written(folder, TEXT.replace(right, wrong, 1))
    assert main(arguments=["status", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out.startswith(f"{path}:{line}: {message}")
    assert told.out.count("\n") == 1
    assert told.err == ""
    assert loaded_files() == []


def test_a_mistake_in_a_function_of_the_file_is_one_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = TEXT.replace('"is")', '"is", lambda config: replace(config, s_tt=3))')
    path = written(folder, late)
    assert main(arguments=["table", str(path), "--out", "new"]) == 2
    assert f"{path}:21: VideoGANConfig has no field 's_tt'; did you mean 's_t'?" in capsys.readouterr().out


def test_another_error_of_a_file_keeps_its_traceback(folder: Path) -> None:
    path = written(folder, TEXT.replace("BASE = ", "1 / 0\nBASE = "))
    with pytest.raises(ZeroDivisionError):
        main(arguments=["status", str(path)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("STUDY", "STUDDY"), "but has nothing of that name; did you mean STUDDY? Name it STUDY"),
        ("STUDY = 3\n", "must export STUDY, a retable.study.study.Study, but has a int"),
    ],
)
def test_a_file_without_a_study_is_refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(StudyFileError, match="noted.py must export STUDY") as error:
        load_study(written(folder, text))
    assert message in str(error.value)
