"""Jobs on a cluster, through Ray Jobs. A job runs on the head and needs no connection to the client."""

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

from retable.cluster.connection.settings import SETTINGS
from retable.cluster.connection.token import ClusterError, NoTokenError
from retable.cluster.jobs.head import Head, reach
from retable.environment.provenance import COMMIT, provenance
from retable.environment.sources import Sources

ACTIVE = frozenset({"PENDING", "RUNNING"})
LOOK_SECONDS = 0.5
ANSWER_SECONDS = 600.0
AGENT_SECONDS = 60.0
"""Seconds after its start during which a head may lack the agent that runs jobs."""

STOP_SECONDS = 600
"""Seconds that a stopped study may take to save; by default Ray kills it after 3 s."""

STUDY = "retable.study"
"""Metadata key of a job's study. Short jobs, which only run a command and return its output, have none."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, as its cluster reports it.

    Attributes:
        state: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        message: the cluster's message on the state.
        code: exit code of the command; None before it ended, and if it was not started.
        began: time of submission in UTC; None if unknown.
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
        """True if the job waits or runs."""
        return self.state in ACTIVE


@dataclass(frozen=True)
class Jobs:
    """The jobs of a cluster.

    Attributes:
        client: Ray's client; only its documented methods are called.
    """

    client: JobSubmissionClient

    def of(self, study: str) -> list[Job]:
        """The jobs that train a study, newest first."""
        jobs = [_job(details) for details in self.client.list_jobs() if details.submission_id]
        mine = [job for job in jobs if job.study == study]
        return sorted(mine, key=lambda job: job.began or datetime.min.replace(tzinfo=UTC), reverse=True)

    def look(self, job: str) -> Job:
        """The present state of a job."""
        return _job(self.client.get_job_info(job))

    def submit(self, sources: Sources, arguments: Sequence[str], study: str = "") -> str:
        """Start a job that runs the command line on the head. Returns its id.

        Args:
            sources: source files to send.
            arguments: arguments of the job's entry point, `retable.cli.job`.
            study: name of the study that the job trains; empty for a short job.

        Raises:
            SourcesError: the sources are too large to send.
        """
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "sources.zip")
            sources.pack(archive)
            id = f"{study or 'answer'}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            end = time.monotonic() + AGENT_SECONDS
            while True:
                try:
                    self.client.submit_job(
                        entrypoint=entrypoint(arguments),
                        submission_id=id,
                        runtime_env={"working_dir": str(archive), "env_vars": variables(sources)},
                        metadata={STUDY: study} if study else {},
                    )
                    return id
                except RuntimeError as error:
                    if "No available agent" not in str(error):
                        raise
                    if time.monotonic() > end:
                        raise ClusterError(
                            "the head runs no agent that starts jobs; another Ray on that machine may use the agent's "
                            "port (52365)",
                            remedy="see dashboard_agent.log in the head's /tmp/ray/session_latest/logs",
                        ) from error
                    time.sleep(LOOK_SECONDS)

    def wait(self, job: str, until: Callable[[Job], bool], seconds: float) -> Job:
        """Wait until a condition on the job holds, or until the timeout. Returns the job's last state."""
        end = time.monotonic() + seconds
        while not until(found := self.look(job)) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        return found

    def answer(self, sources: Sources, arguments: Sequence[str]) -> tuple[Job, str]:
        """Run a short command on the head to its end. Returns the job and its log.

        Raises:
            ClusterError: it takes longer than `ANSWER_SECONDS`.
        """
        id = self.submit(sources, arguments)
        job = None
        try:
            job = self.wait(id, lambda job: not job.active, ANSWER_SECONDS)
            if job.active:
                raise ClusterError(
                    f"job {id} has not answered within {ANSWER_SECONDS:g} s: {job.message}",
                    remedy="ask again when the head has less to do",
                )
            return job, self.log(id)
        finally:
            if job is None or job.active:
                self.client.stop_job(id)

    def log(self, job: str) -> str:
        """The output of a job so far."""
        return str(self.client.get_job_logs(job))

    def follow(self, job: str, on_text: Callable[[str], None]) -> Job:
        """Pass on the output of a job, from its beginning to its end. Returns its final state."""

        async def tail() -> None:
            lines: AsyncIterator[str] = self.client.tail_job_logs(job)
            async for text in lines:
                on_text(text)

        asyncio.run(tail())
        return self.wait(job, lambda job: not job.active, seconds=30)

    def stop(self, job: str) -> None:
        """Let a job save and stop; it is killed after `STOP_SECONDS`."""
        self.client.stop_job(job)


def entrypoint(arguments: Sequence[str]) -> str:
    """The shell command of a job. The nodes' start scripts put the project's Python first in the path of Ray's processes."""
    return f"exec python -m retable.cli.job {shlex.join(arguments)}"


def variables(sources: Sources) -> dict[str, str]:
    """Environment variables of a job and its workers."""
    path = {"PYTHONPATH": "platform"} if sources.checkout else {}
    return {
        **path,
        **{name: os.environ[name] for name in SETTINGS},
        "RAY_JOB_STOP_SIGNAL": "SIGINT",  # which saves, as Ctrl-C does
        "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS),
        COMMIT: provenance().code,  # the git repository is not sent
    }


@contextmanager
def jobs_on(head: Head) -> Iterator[Jobs]:
    """The jobs of a head, for the length of the block.

    Raises:
        ClusterError: it can't be reached, or does not do what is asked.
        NoTokenError: there is no token, or it is another cluster's.
    """
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with reach(head) as server, _without_user_settings():
        try:
            yield Jobs(JobSubmissionClient(server.url, headers={"Authorization": f"Bearer {server.token}"}))
        except AuthenticationError as error:
            raise NoTokenError(
                f"{head.name} refuses the token: it is another cluster's, or that cluster was restarted "
                f"({str(error).splitlines()[0]})",
                remedy="copy the head's ~/.ray/auth_token here again",
            ) from error
        except ClusterError as error:
            raise ClusterError(f"{head.name}: {error.problem}", remedy=error.remedy) from error
        except (ConnectionError, RuntimeError) as error:
            raise ClusterError(
                f"{head.name}: {error}", remedy="check that the cluster is up, and try again"
            ) from error


@contextmanager
def _without_user_settings() -> Iterator[None]:
    """A block in which the user's variables for Ray's address and for proxies do not redirect Ray's client."""
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
