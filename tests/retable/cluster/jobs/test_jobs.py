"""What is sent to a cluster's job server, and what is read from it: with a client that only takes notes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from ray.exceptions import AuthenticationError

from retable.cluster.connection.token import ClusterError
from retable.cluster.jobs import jobs as module
from retable.cluster.jobs.head import Head, JobServer
from retable.cluster.jobs.jobs import Jobs, entrypoint, jobs_on
from retable.environment.sources import Sources


@dataclass
class Details:
    """A job as Ray tells of it."""

    submission_id: str
    status: str = "RUNNING"
    entrypoint: str = ""
    message: str | None = None
    metadata: dict[str, str] | None = None
    start_time: int | None = 0
    driver_exit_code: int | None = None


@dataclass
class Client:
    """Takes notes in Ray's place. The first submissions may find no agent."""

    busy: int = 0
    known: list[Details] = field(default_factory=list)
    sent: dict[str, Any] = field(default_factory=dict)
    archive: set[str] = field(default_factory=set)

    def submit_job(self, **request: Any) -> str:
        self.busy -= 1
        if self.busy >= 0:
            raise RuntimeError("Request failed with status code 500: No available agent to submit job")
        self.sent = request
        with ZipFile(request["runtime_env"]["working_dir"]) as zipped:
            self.archive = set(zipped.namelist())
        return str(request["submission_id"])

    def list_jobs(self) -> list[Details]:
        return self.known


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "study.py").write_text("STUDY = 1")
    return Sources(tmp_path / "checkout", checkout=True)


def test_a_job_takes_the_code_our_settings_and_the_time_to_save(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0)
    client = Client(busy=2)
    words = ["script", "study.py", "--tables", "5,9", "--data", "/a b"]
    id = Jobs(client).submit(sources, words, "walking")
    assert client.archive == {"study.py"}
    assert client.sent["submission_id"] == id
    assert id.startswith(f"walking-{datetime.now(UTC):%Y}")
    assert client.sent["metadata"] == {"retable.study": "walking"}
    command = "exec python -m retable.cli.job script study.py --tables 5,9 --data '/a b'"
    assert client.sent["entrypoint"] == command == entrypoint(words)
    variables = client.sent["runtime_env"]["env_vars"]
    assert variables["PYTHONPATH"] == "platform"
    assert variables["RAY_AUTH_MODE"] == "token"
    assert variables["RAY_TRAIN_V2_ENABLED"] == "1"
    assert (variables["RAY_JOB_STOP_SIGNAL"], variables["RAY_JOB_STOP_WAIT_TIME_S"]) == ("SIGINT", "600")
    assert len(variables["RETABLE_COMMIT"].partition("-")[0]) in (0, 40)
    assert "TOKEN" not in "".join(variables)


def test_beside_a_wheel_nothing_is_put_on_the_path(sources: Sources) -> None:
    client = Client()
    Jobs(client).submit(Sources(sources.root, checkout=False), ["status", "study.py"])
    assert "PYTHONPATH" not in client.sent["runtime_env"]["env_vars"]
    assert client.sent["metadata"] == {}


def test_a_head_that_never_gets_an_agent_is_told(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGENT_SECONDS", 0)
    with pytest.raises(ClusterError, match="another Ray on that machine may use the agent's port"):
        Jobs(Client(busy=9)).submit(sources, ["status", "study.py"])


def test_a_studys_jobs_come_the_newest_first() -> None:
    walking = {"retable.study": "walking"}
    client = Client(
        known=[
            Details("old", "SUCCEEDED", metadata=walking, start_time=1000, driver_exit_code=0),
            Details("other", metadata={"retable.study": "running"}),
            Details("answer", metadata=None),
            Details("new", metadata=walking, start_time=2000),
            Details("", metadata=walking),  # a driver that was not submitted
        ]
    )
    found = Jobs(client).of("walking")
    assert [(job.id, job.active, job.code) for job in found] == [("new", True, None), ("old", False, 0)]
    assert found[0].began == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)


@contextmanager
def door(head: Head) -> Iterator[JobServer]:
    yield JobServer("http://127.0.0.1:1", "secret")


def test_the_client_goes_where_it_is_told_and_not_where_variables_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}

    def client(url: str, headers: dict[str, str]) -> Client:
        names = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "NO_PROXY")
        seen.update(url=url, headers=headers, **{name: os.environ.get(name) for name in names})
        return Client()

    monkeypatch.setattr(module, "reach", door)
    monkeypatch.setattr(module, "JobSubmissionClient", client)
    monkeypatch.setenv("RAY_ADDRESS", "another:6379")
    monkeypatch.setenv("NO_PROXY", "example.org")
    with jobs_on(Head(name="lab.yaml")):
        pass
    assert seen["url"] == "http://127.0.0.1:1"
    assert seen["headers"] == {"Authorization": "Bearer secret"}
    assert (seen["RAY_ADDRESS"], seen["RAY_API_SERVER_ADDRESS"]) == (None, None)
    assert seen["NO_PROXY"] == "example.org,127.0.0.1"
    assert (os.environ["RAY_ADDRESS"], os.environ["NO_PROXY"]) == ("another:6379", "example.org")


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (AuthenticationError("Forbidden"), ValueError, "lab.yaml refuses the token: it is another cluster's"),
        (RuntimeError("Request failed"), ConnectionError, "lab.yaml: Request failed"),
    ],
)
def test_a_refusal_says_which_cluster(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[Exception], message: str
) -> None:
    monkeypatch.setattr(module, "reach", door)
    monkeypatch.setattr(module, "JobSubmissionClient", lambda url, headers: Client())
    with pytest.raises(expected, match=message), jobs_on(Head(name="lab.yaml")):
        raise error
