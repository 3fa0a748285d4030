import pickle

from retable.errors import RetableError


class Damaged(RetableError, ValueError):
    """A file that can't be read."""


def test_the_remedy_follows_the_problem() -> None:
    error = RetableError("the file has 3 rows, but 4 were expected", remedy="write it again")
    assert str(error) == "the file has 3 rows, but 4 were expected; write it again"
    assert (error.problem, error.remedy) == ("the file has 3 rows, but 4 were expected", "write it again")
    assert str(RetableError("there is no ledger")) == "there is no ledger"


def test_an_error_of_a_worker_reaches_the_driver_whole() -> None:
    error = pickle.loads(pickle.dumps(Damaged("cut short", remedy="copy it again")))
    assert isinstance(error, ValueError)
    assert str(error) == "cut short; copy it again"
