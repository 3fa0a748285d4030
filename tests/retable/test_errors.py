"""Errors that people see keep their sentence and remedy, from whatever thread, process or node they come."""

import importlib
import pickle
import pkgutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from ray.exceptions import RayTaskError

import retable
import trainables
from retable.data.decode.errors import DataError
from retable.errors import RetableError, expected

PROBLEM, REMEDY = "the file has 3 rows, but 4 were expected", "write it again"


def subclasses(kind: type[RetableError]) -> Iterator[type[RetableError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_the_remedy_follows_the_problem() -> None:
    error = RetableError(PROBLEM, remedy=REMEDY)
    assert str(error) == "the file has 3 rows, but 4 were expected; write it again"
    assert (error.problem, error.remedy) == (PROBLEM, REMEDY)
    assert str(RetableError("there is no ledger")) == "there is no ledger"
    assert str(RetableError("these nodes differ:\n  one\n  two", remedy="stop them")).endswith(
        "two\nstop them"
    )


def test_every_kind_survives_the_way_between_processes() -> None:
    for package in (retable, trainables):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                with suppress(ModuleNotFoundError):  # an optional package, such as a cloud's
                    importlib.import_module(module.name)
    kinds = set(subclasses(RetableError))
    assert len(kinds) > 20
    for kind in kinds:
        error = kind(PROBLEM, remedy=REMEDY)
        error.add_note("a note")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.problem, again.remedy) == (kind, PROBLEM, REMEDY)
        assert str(again) == f"{PROBLEM}; {REMEDY}"
        assert again.__notes__ == ["a note"]


def test_an_error_of_a_ray_task_is_found_in_what_ray_raises() -> None:
    error = DataError("a shard is damaged", remedy="prepare the data set again")
    raised = RayTaskError("work", "Traceback (most recent call last): …", error).as_instanceof_cause()
    assert str(raised) != str(error)
    assert expected(raised) is error
    wrapped = RuntimeError("the run failed")
    wrapped.__cause__ = raised
    assert expected(wrapped) is error


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), RuntimeError("another")])
def test_any_other_error_is_unexpected(error: Exception) -> None:
    assert expected(error) is None
