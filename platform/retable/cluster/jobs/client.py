"""The client of a cluster, on another machine: submits a study, follows its job, shows its state and tables, stops it."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from retable.cluster.connection.token import ClusterError
from retable.cluster.jobs.head import LOOPBACK, head_of
from retable.cluster.jobs.jobs import STOP_SECONDS, Job, Jobs, jobs_on
from retable.cluster.jobs.transfer import ANSWER, unpack
from retable.environment.sources import sources_of
from retable.errors import OptionError

START_SECONDS = 120.0
"""Seconds that `submit` waits for the start of a job. After that the job still waits on the cluster."""

STOPPING_SECONDS = STOP_SECONDS + 30.0


@dataclass(frozen=True, kw_only=True)
class ClusterClient:
    """A study on a cluster.

    Attributes:
        place: the cluster's file, or its job server's URL.
        file: the study's file on this machine; the checkout is sent with it.
        study: the study's name.
        selection: options that select a part of the study, such as ``--scale toy``.
        console: console for the output.
    """

    place: str
    file: Path
    study: str
    selection: tuple[str, ...]
    console: Console

    def submit(self, arguments: Sequence[str], *, trains: bool = True) -> str:
        """Start a job, and wait until it runs. Returns its id.

        Args:
            arguments: arguments of the command line on the cluster; ``{study}`` is replaced by the study's file.
            trains: True for a job that trains. A study has at most one of these at a time.

        Raises:
            OptionError: the study can't be sent, or such a job runs already.
            ClusterError: the cluster can't be reached, or the job did not start.
        """
        sources = sources_of(self.file)
        remote_arguments = [
            sources.relative(self.file) if argument == "{study}" else argument for argument in arguments
        ]
        self._warn()
        with jobs_on(head_of(self.place)) as jobs:
            if trains and (active := [job for job in jobs.of(self.study) if job.active]):
                raise OptionError(
                    f"job {active[0].id} trains {self.study} on this cluster already",
                    remedy=f"follow it with\n  {self._command('logs', '--follow')}\nor stop it first with\n"
                    f"  {self._command('stop')}",
                )
            id = jobs.submit(sources, remote_arguments, self.study if trains else "")
            job = jobs.wait(id, lambda job: job.state != "PENDING", START_SECONDS)
            if job.state == "FAILED":
                raise ClusterError(_explained(job, jobs.log(id)))
        self.console.print(
            Text(f"Job {id} {job.state.lower()} on {self.place}; it does not need this machine any more.")
        )
        return id

    def hint(self) -> None:
        """Print the commands for a submitted study."""
        for arguments, about in (
            (("logs", "--follow"), "its output"),
            (("status", *self.selection), "finished, running and missing trials"),
            (("table", *self.selection), "its tables, also as files on this machine"),
            (("stop",), "save and stop; submitting it again resumes"),
        ):
            command = self._command(*arguments)
            self.console.print(Text(f"  {command}   # {about}"), soft_wrap=True)

    def follow(self, id: str) -> int:
        """Print the output of a job until it ends. Returns its exit code. Ctrl-C ends the printing, not the job."""
        with jobs_on(head_of(self.place)) as jobs:
            try:
                job = jobs.follow(id, lambda text: self.console.out(text, end="", highlight=False))
            except KeyboardInterrupt:
                self.console.print(f"\nJob {id} goes on:")
                self.hint()
                return 130
            if job.active:
                raise ClusterError(
                    "the connection was lost", remedy=f"the job goes on: {self._command('logs')}"
                )
            return self._ended(job)

    def logs(self, *, follow: bool) -> int:
        """Print the output of the newest job of the study so far."""
        with jobs_on(head_of(self.place)) as jobs:
            job = self._newest(jobs)
            if not (follow and job.active):
                self.console.out(jobs.log(job.id), end="", highlight=False)
                return 0 if job.active else self._ended(job)
        return self.follow(job.id)

    def stop(self) -> int:
        """Stop the newest job of the study: it saves first. Returns when it has ended."""
        with jobs_on(head_of(self.place)) as jobs:
            job = self._newest(jobs)
            if not job.active:
                return self._ended(job)
            jobs.stop(job.id)
            self.console.print(f"Job {job.id} is saving and stopping.")
            try:
                job = jobs.wait(job.id, lambda job: not job.active, STOPPING_SECONDS)
            except KeyboardInterrupt:
                return 130
            self._ended(job)
            return int(job.active)

    def status(self, *options: str) -> int:
        """Print the states of the study's jobs, and of its trials."""
        with jobs_on(head_of(self.place)) as jobs:
            for job in jobs.of(self.study)[:3]:
                began = job.began.strftime("%Y-%m-%d %H:%M UTC") if job.began else "?"
                self.console.print(Text(f"Job {job.id}, submitted {began}: {job.state.lower()}"))
        return self._run_command(["status", "{study}", *self.selection, *options], self._print)

    def table(self, folder: Path, *options: str, quiet: bool = False) -> int:
        """Print the tables, and write the files that `retable table` exports into a folder on this machine."""

        def unpack_answer(text: str) -> None:
            output, written = unpack(text, folder)
            self._print(f"{len(written)} files were copied to {folder}." if quiet else output)

        return self._run_command(["table", "{study}", *self.selection, *options], unpack_answer)

    def _run_command(self, arguments: Sequence[str], on_answer: Callable[[str], None]) -> int:
        """Run a short command on the head, and pass its output on. Returns its exit code."""
        sources = sources_of(self.file)
        remote_arguments = [
            sources.relative(self.file) if argument == "{study}" else argument for argument in arguments
        ]
        self._warn()
        with jobs_on(head_of(self.place)) as jobs, self.console.status("Asking the head"):
            job, log = jobs.answer(sources, remote_arguments)
        _, begun, text = log.partition(f"{ANSWER}\n")
        if not begun:
            raise ClusterError(_explained(job, log))
        on_answer(text)
        return job.code or 0

    def _newest(self, jobs: Jobs) -> Job:
        known = jobs.of(self.study)
        if not known:
            raise OptionError(
                f"no job of {self.study} was submitted to {self.place} since the cluster was started",
                remedy="`retable submit` starts one",
            )
        return known[0]

    def _ended(self, job: Job) -> int:
        why = (
            "" if job.state == "SUCCEEDED" else f": {job.message.strip().splitlines()[0]}" * bool(job.message)
        )
        self.console.print(Text(f"Job {job.id} {job.state.lower()}{why}"))
        return job.code if job.code is not None else int(job.state != "SUCCEEDED")

    def _print(self, text: str) -> None:
        self.console.out(text.rstrip("\n"), highlight=False)

    def _command(self, verb: str, *options: str) -> str:
        return shlex.join(["retable", verb, str(self.file), "--cluster", self.place, *options])

    def _warn(self) -> None:
        url = urlsplit(self.place)
        if url.scheme == "http" and url.hostname not in LOOPBACK:
            self.console.print(
                Text(
                    f"The token goes to {url.hostname} unencrypted: anyone who reads it can run code on the cluster. Use "
                    "SSH (--cluster FILE, or ssh -L) or https://.",
                    style="yellow",
                )
            )


def check_paths(**paths: Path | None) -> None:
    """Check that the paths which a study reads on a cluster are absolute.

    Raises:
        OptionError: a path is relative.
    """
    for name, path in paths.items():
        if path is not None and not path.is_absolute():
            raise OptionError(
                f"--{name} is a path on the cluster's nodes, so it must be absolute, but got {path}",
                remedy="begin it with /",
            )


def _explained(job: Job, log: str) -> str:
    """The message for a job that ended before our command began, with the end of its log."""
    end = "\n".join(f"  {line}" for line in log.strip().splitlines()[-20:])
    return f"job {job.id} {job.state.lower()} before it began: {job.message.strip()}\n{end}".rstrip()
