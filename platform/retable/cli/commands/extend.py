"""`retable extend`: more seeds, or longer training from the last checkpoints."""

from typing import Annotated

from rich.console import Console

from retable.cli.actions import training
from retable.cli.arguments.options import FLAT, StudyFile, TrainingOptions
from retable.cli.arguments.request import Given, Request
from retable.cli.commands.remote import train
from retable.store.formats.layout import ResultsFolder
from retable.store.ledger import Ledger


def extend(
    study: StudyFile,
    /,
    *,
    options: Annotated[TrainingOptions, FLAT] = TrainingOptions(),  # noqa: B008
    session: Given,
) -> int:
    """Run with more --seeds, or with more --iterations from the last checkpoints."""
    return train(session, "extend", study, options, extend_trials, checkpoints=True)


def extend_trials(request: Request, console: Console) -> int:
    """`training.run` with more seeds or iterations.

    Raises:
        ValueError: neither was asked for, or longer training would not continue the trials that are there.
    """
    from retable.execution.extension import why_restarted

    if request.scale.iterations is None and request.seeds is None:
        raise ValueError(
            "say by how much to extend: --iterations N for longer training, --seeds 0,1,2 for more seeds"
        )
    root, plan = training.prepare(request, console)
    if request.scale.iterations is not None:
        with Ledger(ResultsFolder(request.results).ledger) as ledger:
            reasons = why_restarted(plan, ledger.trials(), ResultsFolder(request.results).trials)
        if reasons:
            listed = "\n".join(f"  {name}: {why}" for name, why in reasons.items())
            raise ValueError(
                f"these trials can't be extended:\n{listed}\n"
                f"`run --iterations {request.scale.iterations}` trains them from the start"
            )
    return training.train(request, plan, root, console)
