"""`retable run`: train the missing trials."""

from typing import Annotated

from retable.cli import training
from retable.cli.commands.remote import is_remote, run_remotely
from retable.cli.commands.request import Given, refresh, requested
from retable.cli.options import FLAT, StudyFile, TrainingOptions


def run(
    study: StudyFile,
    /,
    *,
    options: Annotated[TrainingOptions, FLAT] = TrainingOptions(),  # noqa: B008
    session: Given,
) -> int:
    """Train the missing trials, then print and export the tables. The same command again resumes."""
    declared = session.load(study)
    if is_remote(options.address):
        return run_remotely(session, "run", declared, study, options)
    refresh(options.out)
    return training.run(requested(declared, options), session.console)
