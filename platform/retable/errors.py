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
        return f"{self.problem}; {self.remedy}" if self.remedy else self.problem
