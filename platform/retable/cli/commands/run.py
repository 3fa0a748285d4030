"""`retable run`: train the missing trials."""

from typing import Annotated

from retable.cli.actions import training
from retable.cli.arguments.options import FLAT, StudyFile, TrainingOptions
from retable.cli.arguments.request import Given
from retable.cli.commands.remote import train


def run(
    study: StudyFile,
    /,
    *,
    options: Annotated[TrainingOptions, FLAT] = TrainingOptions(),  # noqa: B008
    session: Given,
) -> int:
    """Train the missing trials, then print and export the tables. The same command again resumes."""
    return train(session, "run", study, options, training.run)
