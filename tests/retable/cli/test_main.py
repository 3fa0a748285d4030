"""The command line: its verbs and options, and bad input in one sentence with exit code 2, before any compute is spent."""

import json
import shutil
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from retable.cli.aliases import STUDY_VERBS
from retable.cli.arguments.study_file import load_study
from retable.cli.main import VERBS, main, main_study
from retable.data.embedded.clips import ensure_embedded
from retable.errors import RetableError
from retable.study.study import Study

STUDY = Path(__file__).parents[3] / "studies" / "subsampling_ablation.py"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for variable in ("RETABLE_UCF101", "RETABLE_EMBEDDED"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scale", "tiny"], "--scale must be one of smoke, toy, paper, but got 'tiny'"),
        (["plan", "--tables", "99"], "declares no table '99'; it has 2, 3, 4, 5, 6, 9, 10, 11, 12"),
        (["--scale", "paper"], "say where it is with --data DIR or RETABLE_UCF101=DIR"),
        (
            ["--scale", "paper", "--classifier", "none"],
            "none is no file; make it with `python -m trainables.",
        ),
        (["--data", "/nowhere"], "the data set embedded should be at /nowhere, but that is no folder"),
    ],
)
def test_a_wrong_option_is_told_with_what_would_be_right(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(load_study(STUDY), options) == 2
    assert message in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "a"], "must be different whole numbers such as 0,1,2, but got 'a'"),
        (["--seeds", "0,00"], "must be different whole numbers such as 0,1,2, but got '0,00'"),
        (["--seeds", ""], "must be different whole numbers such as 0,1,2, but got ''"),
        (["--retries", "lost=many"], "must be such as lost=2,out_of_memory=1, but got 'lost=many'"),
        (
            ["--retry", "memory"],
            "must be all or some of out_of_memory,lost,preempted,disk,data,code, but got 'memory'",
        ),
        (["--tables", ","], "must name at least one, such as 5,9, but got ','"),
        (["--out", __file__], f"must be a folder, but {__file__} is a file"),
        (["--out", f"{__file__}/below"], f"must be a folder, but {__file__} is a file"),
        (["--workers", "0"], "must be a whole number of at least 1, but got '0'"),
    ],
)
def test_a_wrong_number_is_refused_by_the_parser(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(load_study(STUDY), options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pln", "s.py"], "the verb must be one of plan, run, status, "),
        (["pln", "s.py"], "but got 'pln'; did you mean plan?"),
        (["run", "s.py", "--seed", "3"], "Unknown option: --seed. Did you mean --seeds?"),  # no abbreviation
        (["run", "s.py", "--work", "3"], "Unknown option: --work. Did you mean --workers?"),
        (["run", "s.py", "t.py"], "unexpected argument t.py (see `retable run --help`)"),
        (["run", "s.py", "--workers", "2", "--workers", "3"], "--workers is given twice, expected once"),
        (["run", "s.py", "--no-local"], "Unknown option: --no-local. Did you mean --local?"),
        (["run", "s.py", "--tables"], "--tables needs a value (see `retable run --help`)"),
        (["plan"], "STUDY is missing (see `retable plan --help`)"),
        (["submit", "s.py"], "--cluster needs a value"),
        (["data", "chek", "."], 'Unknown command "chek". Did you mean "check"?'),
        (
            ["data", "prepare", "ucf101", "--source", ".", "--out", ".", "--crop", "papr"],
            'Did you mean "paper"?',
        ),
        (["doctor", "--address", "auto", "--cluster", "c.yaml"], "Mutually exclusive"),
        (["completion", "tcsh"], "bash"),
    ],
)
def test_words_that_are_no_command_are_refused_with_the_closest(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments=words) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["--version"]) == 0
    assert capsys.readouterr().out == f"{version('retable')}\n"


@pytest.mark.parametrize("verb", [*VERBS, "completion"])
def test_each_verb_has_a_help_that_begins_as_the_list_of_verbs_says(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments=[verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: retable {verb}")
    assert VERBS.get(verb, "Print the completion script of a shell.").splitlines()[0] in told
    assert "default: None" not in told


def test_the_help_of_a_studys_file_has_its_verbs_and_the_options_of_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(load_study(STUDY), ["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {verb} " in told for verb in STUDY_VERBS)
    assert "--gpus-per-worker" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_verbs_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in (*VERBS, "optuna-storage", "gpu-memory", "ucf101"))
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_older_words_work_with_a_notice_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    study = load_study(STUDY)
    assert main(study, ["--status", "--out", "new"]) == 0
    older = capsys.readouterr()
    assert older.err == "--status is now status, and will be refused by the next release.\n"
    assert main(study, ["status", "--out", "new"]) == 0
    assert capsys.readouterr() == (older.out, "")
    assert main_study is main


def test_an_error_that_people_see_is_one_line_and_any_other_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raising(error: BaseException) -> None:
        def show_status(*_: object) -> int:
            raise error

        monkeypatch.setattr("retable.cli.commands.status.show_status", show_status)

    raising(RetableError("the ledger is damaged", remedy="restore ledger.db"))
    assert main(arguments=["status", str(STUDY)]) == 2
    assert capsys.readouterr().out == "the ledger is damaged; restore ledger.db\n"
    raising(KeyboardInterrupt())
    assert main(arguments=["status", str(STUDY)]) == 130
    assert "run the same command again to go on" in capsys.readouterr().out
    raising(ArithmeticError("a mistake of ours"))
    with pytest.raises(ArithmeticError):
        main(arguments=["status", str(STUDY)])
    raising(TypeError("replace() got an unexpected keyword argument 'x'"))
    with pytest.raises(TypeError):
        main(arguments=["status", str(STUDY)])


def test_a_file_that_is_no_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text("")
    assert main(arguments=["plan", "empty.py"]) == 2
    assert (
        "empty.py must export STUDY, a retable.study.study.Study, but has nothing of that name"
        in capsys.readouterr().out
    )
    assert main(arguments=["plan", "nothing.py"]) == 2
    assert "nothing.py is no such file" in capsys.readouterr().out


def test_the_plan_at_paper_scale_starts_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(arguments=["plan", str(STUDY), "--scale", "paper", "--tables", "5,6"]) == 0
    text = capsys.readouterr().out
    assert "The data set ucf101 is not on this machine: signatures are provisional" in text
    assert (
        "2 tables, 36 cells, 19 trials: 0 done, 0 running, 0 failed, 19 missing. Nothing was started." in text
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["costs"]


def test_the_plan_says_where_worker_groups_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--tables", "9", "--workers", "4", "--gpu-memory", "24", "--nodes", "2x2,1x8"]
    assert main(arguments=["plan", str(STUDY), "--scale", "paper", *options]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "trials are packed on one node." in text
    assert main(arguments=["plan", str(STUDY), "--scale", "paper", *options[:-1], "2x2"]) == 0
    assert "spread over 2 nodes: no node has 4 GPUs." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["plan", "--gpu-memory", "12,x"], "must be sizes in GB such as 12 or 12,24,80, but got '12,x'"),
        (["plan", "--gpu-memory", "-1"], "must be sizes in GB such as 12 or 12,24,80, but got '-1'"),
        (["plan", "--price-per-gpu-hour", "nan"], "must be a number of at least 0, but got 'nan'"),
        (["--plan", "--nodes", "8"], "must be nodes x GPUs of each, such as 4x8 or 2x8,4x4, but got '8'"),
        (["--plan", "--nodes", "0x8"], "must be nodes x GPUs of each, such as 4x8 or 2x8,4x4, but got '0x8'"),
        (["--nodes", "4x8"], "Unknown option: --nodes"),
        (["--gpus-per-worker", "2"], "must be from 0 to 1, such as 0.5, but got '2'"),
        (["--wait-for-nodes", "-1"], "must be a number of at least 0, but got '-1'"),
        (["--json"], "Unknown option: --json"),
        (["--trial", "12ab"], "Unknown option: --trial"),
        (["plan", "--from-mlflow"], "Unknown option: --from-mlflow="),
    ],
)
def test_a_wrong_option_of_the_plan_is_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(load_study(STUDY), options) == 2
    assert message in capsys.readouterr().err


def test_a_study_of_which_nothing_can_run_is_refused_by_the_plan_as_by_training(
    walking: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def batches_of(size: int) -> Study[Any]:
        column = walking.Column("accuracy", "accuracy", lambda config: replace(config, batch_size=size))
        (table,) = walking.STUDY.tables
        return replace(walking.STUDY, tables=(replace(table, columns=(column,)),))

    told = "no cell can run: batch_size must be at least 1, but got 0"
    assert main(batches_of(0), ["--local"]) == 2
    assert told in " ".join(capsys.readouterr().out.split())
    assert main(batches_of(0), ["plan"]) == 2
    text = " ".join(capsys.readouterr().out.split())
    assert "3 cells can't run" in text
    assert text.endswith(f"Nothing was started. Training would not start: {told}")
    assert main(batches_of(0), ["plan", "--json"]) == 2
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)["invalid"]) == 3
    assert told in " ".join(printed.err.split())
    assert main(batches_of(4), ["plan"]) == 0


def test_tables_of_nothing_say_that_nothing_was_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["table", str(STUDY), "--tables", "9", "--out", "new"]) == 0
    text = capsys.readouterr().out
    assert text.count("not run") == 8
    assert Path("new/tables/subsampling_ablation/table_9.csv").exists()


def test_status_reads_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["status", str(STUDY), "--out", "new"]) == 0
    assert "does not exist: nothing was run with --out new" in " ".join(capsys.readouterr().out.split())


def test_data_check_lists_bad_files_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ensure_embedded(tmp_path / "cache", 2)
    assert main(arguments=["data", "check", str(root)]) == 0
    assert "20 can be used, 0 can't" in capsys.readouterr().out
    next(root.glob("videos/*/*.mp4")).write_bytes(b"")
    assert main(arguments=["data", "check", str(root)]) == 1
    assert "the file has 0 bytes" in capsys.readouterr().out
