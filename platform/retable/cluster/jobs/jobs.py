"""Ray Jobs: a study that runs on a cluster's head, whoever goes home."""

import asyncio
import logging
import os
import secrets
import shlex
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobSubmissionClient

from retable.cluster import SETTINGS
from retable.cluster.jobs.head import Head, reached
from retable.environment.provenance import COMMIT, provenance
from retable.environment.sources import Sources

ACTIVE = frozenset({"PENDING", "RUNNING"})
LOOK_SECONDS = 0.5
ANSWER_SECONDS = 600.0
AGENT_SECONDS = 60.0
"""How long a head that was just started may lack what runs jobs."""

STOP_SECONDS = 600
"""How long a study that is stopped may take to save; Ray's default kills it after 3 s."""

STUDY = "retable.study"
"""The metadata that holds a job's study; short jobs, which only answer a question, have none."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as its cluster tells of it.

    Attributes:
        state: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        message: why, in the cluster's words.
        code: exit code of what it ran; None before it ended, and where it was not begun.
        began: when it was submitted, in UTC; None where that is not known.
    """

    id: str
    study: str
    command: str
    state: str
    message: str
    code: int | None
    began: datetime | None

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ACTIVE


@dataclass(frozen=True)
class Jobs:
    """The jobs of a cluster.

    Attributes:
        client: Ray's; only what it documents is called.
    """

    client: JobSubmissionClient

    def of(self, study: str) -> list[Job]:
        """The jobs that train a study, the newest first."""
        jobs = [_job(details) for details in self.client.list_jobs() if details.submission_id]
        mine = [job for job in jobs if job.study == study]
        return sorted(mine, key=lambda job: job.began or datetime.min.replace(tzinfo=UTC), reverse=True)

    def look(self, job: str) -> Job:
        """How a job is now."""
        return _job(self.client.get_job_info(job))

    def submit(self, sources: Sources, words: Sequence[str], study: str = "") -> str:
        """Start a job that runs words of the command line on the head. Returns its id.

        Args:
            sources: what travels.
            words: as `retable.cli.job` takes them.
            study: the name of the study that it trains; empty for a job that only answers a question.

        Raises:
            ValueError: the sources are too large to travel.
        """
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "sources.zip")
            sources.pack(archive)
            id = f"{study or 'answer'}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            end = time.monotonic() + AGENT_SECONDS
            while True:
                try:
                    self.client.submit_job(
                        entrypoint=entrypoint(words),
                        submission_id=id,
                        runtime_env={"working_dir": str(archive), "env_vars": variables(sources)},
                        metadata={STUDY: study} if study else {},
                    )
                    return id
                except RuntimeError as error:
                    if "No available agent" not in str(error):
                        raise
                    if time.monotonic() > end:
                        raise RuntimeError(
                            "its head runs no agent that starts jobs; another Ray on that machine may have the agent's "
                            "port (52365): dashboard_agent.log in the head's /tmp/ray/session_latest/logs tells"
                        ) from error
                    time.sleep(LOOK_SECONDS)

    def wait(self, job: str, until: Callable[[Job], bool], seconds: float) -> Job:
        """Look at a job until it is so, or that long has passed. Returns how it is then."""
        end = time.monotonic() + seconds
        while not until(found := self.look(job)) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        return found

    def answer(self, sources: Sources, words: Sequence[str]) -> tuple[Job, str]:
        """Run words of the command line to their end. Returns the job, and its log.

        Raises:
            TimeoutError: it takes longer than a question should.
        """
        id = self.submit(sources, words)
        job = None
        try:
            job = self.wait(id, lambda job: not job.active, ANSWER_SECONDS)
            if job.active:
                raise TimeoutError(f"job {id} has not answered within {ANSWER_SECONDS:g} s: {job.message}")
            return job, self.log(id)
        finally:
            if job is None or job.active:
                self.client.stop_job(id)

    def log(self, job: str) -> str:
        """What a job has said so far."""
        return str(self.client.get_job_logs(job))

    def follow(self, job: str, tell: Callable[[str], None]) -> Job:
        """Tell what a job says, from its beginning, until it ends. Returns how it ended."""

        async def tail() -> None:
            lines: AsyncIterator[str] = self.client.tail_job_logs(job)
            async for text in lines:
                tell(text)

        asyncio.run(tail())
        return self.wait(job, lambda job: not job.active, seconds=30)

    def stop(self, job: str) -> None:
        """Ask a job to save and end; it is killed if that takes too long."""
        self.client.stop_job(job)


def entrypoint(words: Sequence[str]) -> str:
    """The shell command of a job. The nodes' start scripts put the project's Python first in the path of all that Ray runs."""
    return f"exec python -m retable.cli.job {shlex.join(words)}"


def variables(sources: Sources) -> dict[str, str]:
    """What a job and its workers have in their environment."""
    path = {"PYTHONPATH": "platform"} if sources.checkout else {}
    return {
        **path,
        **{name: os.environ[name] for name in SETTINGS},
        "RAY_JOB_STOP_SIGNAL": "SIGINT",  # which saves, as Ctrl-C does
        "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS),
        COMMIT: provenance().code,  # git itself does not travel
    }


@contextmanager
def jobs_on(head: Head) -> Iterator[Jobs]:
    """The jobs of a head, for the length of the block.

    Raises:
        ConnectionError: it can't be reached, or does not do what is asked.
        NoTokenError: there is no token.
        ValueError: the token is another cluster's.
    """
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with reached(head) as door, _only_there():
        try:
            yield Jobs(JobSubmissionClient(door.url, headers={"Authorization": f"Bearer {door.token}"}))
        except AuthenticationError as error:
            raise ValueError(
                f"{head.name} refuses the token: it is another cluster's, or that cluster was started anew; copy the "
                f"head's ~/.ray/auth_token here again ({str(error).splitlines()[0]})"
            ) from error
        except (ConnectionError, RuntimeError) as error:
            raise ConnectionError(f"{head.name}: {error}") from error


@contextmanager
def _only_there() -> Iterator[None]:
    """Ray's client and the requests beneath it go where they are told, and not where variables of the user's say."""
    before = dict(os.environ)
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        os.environ.pop(name, None)
    for name in ("NO_PROXY", "no_proxy"):  # the token must not go to a proxy on the way to our own machine
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
    try:
        yield
    finally:
        for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "NO_PROXY", "no_proxy"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


def _job(details: JobDetails) -> Job:
    metadata = details.metadata or {}
    began = datetime.fromtimestamp(details.start_time / 1000, UTC) if details.start_time else None
    return Job(
        id=details.submission_id or "",
        study=metadata.get(STUDY, ""),
        command=details.entrypoint,
        state=str(details.status),
        message=details.message or "",
        code=details.driver_exit_code,
        began=began,
    )
