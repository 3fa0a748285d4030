"""The base of errors that people see: the command line prints one in a sentence; any other keeps its traceback."""


class RetableError(Exception):
    """An expected error: bad input, a damaged file, a machine that lacks something.

    A subclass may derive from a built-in error as well, such as `ValueError`, for callers that catch that one.

    Args:
        problem: the value given and the value expected, in one sentence without its full stop.
        remedy: what to do about it, as a clause that can follow a semicolon; empty where nothing is known.
    """

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        between = "\n" if "\n" in self.problem else "; "  # a list keeps its lines
        return f"{self.problem}{between}{self.remedy}" if self.remedy else self.problem


class OptionError(RetableError, ValueError):
    """An option, or a combination of options, that can't be used."""


class MissingPackageError(RetableError, ValueError):
    """An optional package is not installed, or does not fit the others."""


def expected(error: BaseException) -> RetableError | None:
    """The expected error that an error is or was raised from, also in another process; None if there is none.

    Ray raises an error of a task or an actor as one that holds it as its `cause`.
    """
    one: object = error
    while isinstance(one, BaseException):
        cause = getattr(one, "cause", None)
        if isinstance(cause, RetableError):
            return cause
        if isinstance(one, RetableError):
            return one
        one = one.__cause__
    return None
