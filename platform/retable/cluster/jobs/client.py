"""A study on a cluster, from another machine: submit it, follow it, look at it, fetch its tables, stop it."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from retable.cluster.jobs.head import LOOPBACK, head_of
from retable.cluster.jobs.jobs import STOP_SECONDS, Job, Jobs, jobs_on
from retable.cluster.jobs.transfer import ANSWER, unpacked
from retable.cluster.token import ClusterError
from retable.environment.sources import sources_of
from retable.errors import OptionError

START_SECONDS = 120.0
"""How long `submit` waits to see that a job begins; the job goes on waiting after that."""

STOPPING_SECONDS = STOP_SECONDS + 30.0


@dataclass(frozen=True, kw_only=True)
class ClusterClient:
    """A study on a cluster.

    Attributes:
        place: the cluster's file, or its job server's URL.
        file: the study's file on this machine; what travels with it is the checkout.
        study: its name.
        chosen: the words that say which part of it is meant, such as ``--scale toy``.
    """

    place: str
    file: Path
    study: str
    chosen: tuple[str, ...]
    console: Console

    def submit(self, words: Sequence[str], *, trains: bool = True) -> str:
        """Start a job, and wait until it runs. Returns its id.

        Args:
            words: what it runs: the command line's words, in which ``{study}`` stands for the study's file.
            trains: whether it is one that trains; there is but one of these for a study.

        Raises:
            OptionError: it can't run there, or such a job runs already.
            ClusterError: the cluster can't be reached, or the job did not start.
        """
        sources = sources_of(self.file)
        travelled = [sources.relative(self.file) if word == "{study}" else word for word in words]
        self._warn()
        with jobs_on(head_of(self.place)) as jobs:
            if trains and (active := [job for job in jobs.of(self.study) if job.active]):
                raise OptionError(
                    f"job {active[0].id} trains {self.study} on this cluster already",
                    remedy=f"follow it with\n  {self._command('logs', '--follow')}\nor stop it first with\n"
                    f"  {self._command('stop')}",
                )
            id = jobs.submit(sources, travelled, self.study if trains else "")
            job = jobs.wait(id, lambda job: job.state != "PENDING", START_SECONDS)
            if job.state == "FAILED":
                raise ClusterError(_why(job, jobs.log(id)))
        self.console.print(
            Text(f"Job {id} {job.state.lower()} on {self.place}; it goes on without this machine.")
        )
        return id

    def hint(self) -> None:
        """Print how to follow what was submitted."""
        for words, about in (
            (("logs", "--follow"), "what it says"),
            (("status", *self.chosen), "what is done, running and missing"),
            (("table", *self.chosen), "its tables, also as files here"),
            (("stop",), "save and end; submitting it again resumes"),
        ):
            command = self._command(*words)
            self.console.print(Text(f"  {command}   # {about}"), soft_wrap=True)

    def follow(self, id: str) -> int:
        """Print what a job says until it ends; returns its exit code. Ctrl-C ends the printing and not the job."""
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
        """Print what the newest job of the study has said."""
        with jobs_on(head_of(self.place)) as jobs:
            job = self._newest(jobs)
            if not (follow and job.active):
                self.console.out(jobs.log(job.id), end="", highlight=False)
                return 0 if job.active else self._ended(job)
        return self.follow(job.id)

    def stop(self) -> int:
        """Ask the newest job of the study to save and end, and wait until it has."""
        with jobs_on(head_of(self.place)) as jobs:
            job = self._newest(jobs)
            if not job.active:
                return self._ended(job)
            jobs.stop(job.id)
            self.console.print(f"Job {job.id} was asked to save and end.")
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
        return self._ask(["status", "{study}", *self.chosen, *options], self._print)

    def table(self, folder: Path, *options: str, quiet: bool = False) -> int:
        """Print the tables, and write the files that `retable table` exports into a folder here."""

        def take(text: str) -> None:
            said, written = unpacked(text, folder)
            self._print(f"{len(written)} files were brought to {folder}." if quiet else said)

        return self._ask(["table", "{study}", *self.chosen, *options], take)

    def _ask(self, words: Sequence[str], take: Callable[[str], None]) -> int:
        sources = sources_of(self.file)
        travelled = [sources.relative(self.file) if word == "{study}" else word for word in words]
        self._warn()
        with jobs_on(head_of(self.place)) as jobs, self.console.status("Asking the head"):
            job, log = jobs.answer(sources, travelled)
        _, begun, text = log.partition(f"{ANSWER}\n")
        if not begun:
            raise ClusterError(_why(job, log))
        take(text)
        return job.code or 0

    def _newest(self, jobs: Jobs) -> Job:
        known = jobs.of(self.study)
        if not known:
            raise OptionError(
                f"no job of {self.study} was submitted to {self.place} since it was started",
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
                    f"The token goes to {url.hostname} unencrypted: whoever listens can run code on the cluster. Reach "
                    "it through SSH (--cluster FILE, or ssh -L) or https://.",
                    style="yellow",
                )
            )


def check_paths(**paths: Path | None) -> None:
    """See that what a study reads on a cluster is named by absolute paths there.

    Raises:
        OptionError: one is relative.
    """
    for name, path in paths.items():
        if path is not None and not path.is_absolute():
            raise OptionError(
                f"--{name} is a path on the cluster's nodes, so it must be absolute, but got {path}",
                remedy="begin it with /",
            )


def _why(job: Job, log: str) -> str:
    """What is known of a job that did not get to its own words."""
    said = "\n".join(f"  {line}" for line in log.strip().splitlines()[-20:])
    return f"job {job.id} {job.state.lower()} before it began: {job.message.strip()}\n{said}".rstrip()
