"""The commands for a cluster, as typed: with jobs that only take notes in the cluster's place."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from retable.cli.arguments.study_file import load_study
from retable.cli.main import main, main_study
from retable.cluster.jobs import client
from retable.cluster.jobs.head import Head
from retable.cluster.jobs.jobs import Job
from retable.cluster.jobs.transfer import ANSWER, pack
from retable.environment.sources import Sources

ROOT = Path(__file__).parents[4]
STUDY = str(ROOT / "studies" / "subsampling_ablation.py")
NAME = "studies/subsampling_ablation.py"
URL = "http://127.0.0.1:8265"


def job(id: str, state: str, code: int | None = None, message: str = "") -> Job:
    return Job(
        id=id, study="subsampling_ablation", command="", state=state, message=message, code=code, began=None
    )


@dataclass
class Notes:
    """What was asked of a cluster, and what it says."""

    known: list[Job] = field(default_factory=list)
    submitted: list[tuple[list[str], str]] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    began: str = "RUNNING"
    ended: Job = field(default_factory=lambda: job("new", "SUCCEEDED", 0))
    text: str = f"Running entrypoint\n{ANSWER}\nTable 9.\n"
    place: str = ""

    def of(self, study: str) -> list[Job]:
        assert study == "subsampling_ablation"
        return self.known

    def submit(self, sources: Sources, words: Sequence[str], study: str = "") -> str:
        assert sources.root == ROOT
        self.submitted.append((list(words), study))
        return "new"

    def wait(self, id: str, until: Callable[[Job], bool], seconds: float) -> Job:
        return next((job for job in (job(id, self.began), self.ended) if until(job)), self.ended)

    def answer(self, sources: Sources, words: Sequence[str]) -> tuple[Job, str]:
        self.asked.append(list(words))
        return self.ended, self.text

    def log(self, id: str) -> str:
        return f"log of {id}\n"

    def follow(self, id: str, tell: Callable[[str], None]) -> Job:
        tell("half a line")
        tell(" and the rest\n")
        return self.ended

    def stop(self, id: str) -> None:
        self.stopped.append(id)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Notes:
    notes = Notes()

    @contextmanager
    def jobs_on(head: Head) -> Iterator[Notes]:
        notes.place = head.url
        yield notes

    monkeypatch.setattr(client, "jobs_on", jobs_on)
    monkeypatch.chdir(tmp_path)
    return notes


def test_submit_sends_the_options_of_the_study_and_says_how_to_follow_it(
    cluster: Notes, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["submit", STUDY, "--cluster", URL, "--scale", "toy", "--tables", "9", "--workers", "2"]
    assert main(arguments=[*words, "--retry", "lost"]) == 0
    sent = ["script", NAME, "retry", "--class", "lost", "--scale", "toy", "--tables", "9", "--workers", "2"]
    assert cluster.submitted == [(sent, "subsampling_ablation")]
    assert cluster.place == URL
    said = capsys.readouterr().out
    assert f"Job new running on {URL}; it does not need this machine any more." in said
    assert f"retable logs {STUDY} --cluster {URL} --follow " in said
    assert f"retable status {STUDY} --cluster {URL} --scale toy --tables 9 " in said
    assert f"retable table {STUDY} --cluster {URL} --scale toy --tables 9 " in said
    assert f"retable stop {STUDY} --cluster {URL} " in said


def test_submit_follow_ends_as_the_job_does(cluster: Notes, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.ended = job("new", "FAILED", 1, "it failed\nand more")
    assert main(arguments=["submit", "--follow", f"--cluster={URL}", STUDY]) == 1
    assert cluster.submitted == [(["script", NAME, "run"], "subsampling_ablation")]
    said = capsys.readouterr().out
    assert "half a line and the rest\nJob new failed: it failed\n" in said


def test_a_job_that_does_not_begin_is_told_with_its_log(
    cluster: Notes, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.began, cluster.ended = "PENDING", job("new", "FAILED", None, "runtime_env setup failed")
    assert main(arguments=["submit", STUDY, "--cluster", URL]) == 2
    said = capsys.readouterr().out
    assert "job new failed before it began: runtime_env setup failed" in said
    assert "log of new" in said


def test_a_study_is_trained_by_one_job_at_a_time(cluster: Notes, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.known = [job("first", "RUNNING")]
    assert main(arguments=["submit", STUDY, "--cluster", URL]) == 2
    assert "job first trains subsampling_ablation on this cluster already" in capsys.readouterr().out
    assert main(arguments=["submit", STUDY, "--cluster", URL, "--plan"]) == 0  # trains nothing
    assert cluster.submitted == [(["script", NAME, "plan"], "")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scale", "huge"], "--scale must be one of smoke, toy, paper, but got 'huge'"),
        (["--tables", "99"], "declares no table '99'"),
        (
            ["--data", "ucf101"],
            "--data is a path on the cluster's nodes, so it must be absolute, but got ucf101",
        ),
        (["--classifier", "c3d.pt"], "--classifier is a path on the cluster's nodes"),
        (["--local"], "--local trains in this process"),
        (["--out", "elsewhere"], "submit takes neither --address nor --out"),
        (["--address", "auto"], "submit takes neither --address nor --out"),
    ],
)
def test_what_cannot_run_there_is_refused_before_the_cluster_is_asked(
    cluster: Notes, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments=["submit", STUDY, "--cluster", URL, *words]) == 2
    assert message in capsys.readouterr().out
    assert (cluster.submitted, cluster.place) == ([], "")


def test_a_study_outside_of_the_checkout_is_refused(
    cluster: Notes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text("from studies.subsampling_ablation import STUDY\n")
    assert main(arguments=["submit", "mine.py", "--cluster", URL]) == 2
    assert "which is what travels to the cluster; move the file there" in " ".join(
        capsys.readouterr().out.split()
    )
    assert cluster.submitted == []


def test_the_token_is_not_sent_in_the_open_without_a_word(
    cluster: Notes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments=["submit", STUDY, "--cluster", "http://10.0.0.1:8265"]) == 0
    assert "The token goes to 10.0.0.1 unencrypted" in capsys.readouterr().out
    assert main(arguments=["submit", STUDY, "--cluster", "https://10.0.0.1"]) == 0
    assert "unencrypted" not in capsys.readouterr().out


def test_status_and_table_are_answered_by_the_head(
    cluster: Notes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.known = [job("new", "RUNNING")]
    assert main(arguments=["status", STUDY, "--cluster", URL, "--seeds", "0,1", "--trial", "12ab"]) == 0
    assert capsys.readouterr().out == "Job new, submitted ?: running\nTable 9.\n"
    (tmp_path / "there" / "tables").mkdir(parents=True)
    (tmp_path / "there" / "tables" / "table_9.csv").write_text("a\n")
    cluster.text += "".join(f"{line}\n" for line in pack(tmp_path / "there"))
    assert main(arguments=["table", STUDY, "--cluster", URL, "--data", "/data/ucf101", "--out", "mine"]) == 0
    assert Path("mine/tables/table_9.csv").read_text() == "a\n"
    assert capsys.readouterr().out == "Table 9.\n"
    assert cluster.asked == [
        ["status", NAME, "--seeds", "0,1", "--trial", "12ab"],
        ["table", NAME, "--data", "/data/ucf101"],
    ]


def test_an_answer_that_never_began_is_no_answer(cluster: Notes, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.text, cluster.ended = "No such file\n", job("new", "FAILED", 127, "exit code 127")
    assert main(arguments=["status", STUDY, "--cluster", URL]) == 2
    assert "job new failed before it began: exit code 127\n  No such file" in capsys.readouterr().out


def test_logs_and_stop_are_of_the_newest_job(cluster: Notes, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments=["logs", STUDY, "--cluster", URL]) == 2
    assert "no job of subsampling_ablation was submitted to" in capsys.readouterr().out
    cluster.known = [job("new", "RUNNING"), job("old", "FAILED", 1)]
    assert main(arguments=["logs", STUDY, "--cluster", URL]) == 0
    assert capsys.readouterr().out == "log of new\n"
    cluster.ended = job("new", "STOPPED", None, "Job was intentionally stopped.")
    assert main(arguments=["logs", STUDY, "--cluster", URL, "--follow"]) == 1
    assert "half a line and the rest\nJob new stopped" in capsys.readouterr().out
    cluster.began = "RUNNING"
    assert main(arguments=["stop", STUDY, "--cluster", URL]) == 0
    assert cluster.stopped == ["new"]
    assert "Job new is saving and stopping.\nJob new stopped" in capsys.readouterr().out


def test_a_study_whose_address_is_a_cluster_runs_there_and_its_tables_come_here(
    cluster: Notes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", STUDY)
    (tmp_path / "there" / "tables").mkdir(parents=True)
    (tmp_path / "there" / "tables" / "table_9.csv").write_text("a\n")
    cluster.text += "".join(f"{line}\n" for line in pack(tmp_path / "there"))
    words = ["--tables", "9", "--address", URL, "--out", "mine"]
    assert main_study(load_study(Path(STUDY)), words) == 0
    assert cluster.submitted == [(["script", NAME, "run", "--tables", "9"], "subsampling_ablation")]
    assert cluster.asked == [["table", NAME, "--tables", "9"]]
    assert "half a line and the rest" in capsys.readouterr().out
    assert Path("mine/tables/table_9.csv").read_text() == "a\n"
    assert main(arguments=["retry", STUDY, "--class", "lost", "--address", URL]) == 0
    assert cluster.submitted[1][0] == ["script", NAME, "retry", "--class", "lost"]


def test_a_file_of_a_cluster_is_read_for_its_head(
    cluster: Notes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lab.yaml").write_text(json.dumps({"provider": {"type": "local"}}))
    assert main(arguments=["stop", STUDY, "--cluster", "lab.yaml"]) == 2
    assert "lab.yaml must give the head's address" in capsys.readouterr().out
