"""`retable run`: train the missing trials."""

from typing import Annotated

from retable.cli.actions import training
from retable.cli.arguments.options import FLAT, StudyFile, TrainingOptions
from retable.cli.arguments.request import Given, refresh, requested
from retable.cli.arguments.usage import is_remote
from retable.cli.commands.remote import run_remotely


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
