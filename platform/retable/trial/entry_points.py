"""Imports what a config names as text: ``package.module:name``, the form of an entry point.

A config is data. It names its learner, its costs and its figures, so that neither its module nor a plan imports them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from retable.errors import RetableError
from retable.trial.learner import Learner
from retable.trial.run import Run
from retable.trial.step_cost import StepCost

if TYPE_CHECKING:
    from retable.trial.distributed import Workers


class EntryPointError(RetableError, ValueError):
    """A config names something that is not there."""


class LearnerType(Protocol):
    """Class or function that `TrialConfig.learner` names."""

    def __call__(self, config: Any, seed: int, run: Run, workers: "Workers", /) -> Learner:
        """Return the learner of a config on this worker.

        Args:
            config: an instance of the class that names it.
            seed: the trial's training seed.
            run: paths of the data set and of the required trials.
            workers: the worker group that trains together.
        """
        ...


class CostFunction(Protocol):
    """Function that `TrialConfig.costs` names."""

    def __call__(self, config: Any, /) -> StepCost:
        """Return the cost of an update of a config.

        Raises:
            ValueError: no network can be built from the config.
        """
        ...


def resolve(owner: type, attribute: str) -> Any:
    """Return the callable that a class names in one of its attributes; its module is imported now.

    Args:
        owner: a config's class.
        attribute: name of the attribute, such as ``learner``. Its value is ``package.module:name``, where the name may
            have dots: ``family.learner:Learner.of``.

    Raises:
        EntryPointError: the value has another form, or names no module, nothing in it, or nothing that can be called.
    """
    given = getattr(owner, attribute)
    place = f"{owner.__name__}.{attribute}"
    module, _, name = given.partition(":")
    if not module or not name:
        raise EntryPointError(f"{place} must have the form 'package.module:name', but is {given!r}")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, and imports one that is not
        problem = (
            f"{place} must name a module that can be imported, but there is no {error.name}, of {given!r}"
        )
        raise EntryPointError(problem, remedy="correct the name or install its package") from error
    for part in name.split("."):
        if not hasattr(found, part):
            problem = f"{place} must name something in the module {module}, but it has no {name}"
            raise EntryPointError(problem, remedy=f"correct {given!r}")
        found = getattr(found, part)
    if not callable(found):
        raise EntryPointError(f"{place} must name a class or a function, but {given!r} is {found!r}")
    return found
