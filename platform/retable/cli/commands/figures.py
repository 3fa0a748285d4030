"""`retable figures`: the figures of finished trials."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from retable.cli.arguments import values
from retable.cli.arguments.options import FLAT, StudyOptions, option
from retable.cli.arguments.request import Given, refresh, requested


@dataclass(frozen=True, kw_only=True)
class FigureOptions(StudyOptions):
    """The samples behind a figure."""

    samples: Annotated[
        int,
        option(
            "N", "Generated samples behind each measured curve; 1000 in the TGANv2 paper.", values.samples
        ),
    ] = 1000


def figures(
    subject: Annotated[
        str,
        Parameter(
            name="STUDY|SIGNATURE",
            help="File of a study, or the signature of a trial. Its first digits are enough.",
        ),
    ],
    /,
    *,
    options: Annotated[FigureOptions, FLAT] = FigureOptions(),
    session: Given,
) -> int:
    """Draw the figures of a finished trial, or of all finished trials of a study."""
    from retable.cli.actions.drawing import draw_study, draw_trial

    refresh(options.out, checkpoints=True)
    if not subject.endswith(".py"):
        return draw_trial(options.out, subject, options.samples, session.console, data=options.data)
    study = session.load(Path(subject))
    request = requested(study, options)
    return draw_study(
        study,
        request.scale,
        options.out,
        options.samples,
        session.console,
        plan=request.plan,
        data=options.data,
    )
