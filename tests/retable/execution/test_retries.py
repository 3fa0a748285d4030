"""Errors have a class, classes have a rule, and a micro-batch is cut no further than its memory asks."""

import errno

import pytest
import torch

from retable.data.decode.errors import DataError
from retable.environment.process import ProcessIdentity
from retable.execution.retries import Cause, Retries, cause_of, failure_class, split_for
from retable.io.files import DiskFull
from retable.store.records import Attempt, State, TrialRecord


def attempt(
    number: int, state: State = "failed", cause: str | None = None, workers: int = 1, split: int = 1
) -> Attempt:
    return Attempt(
        signature="a",
        number=number,
        state=state,
        owner=ProcessIdentity("host", "", "", 7, 0),
        workers=workers,
        split=split,
        began="",
        ended="",
        seconds=1.0,
        iteration=0,
        result=None,
        cause=cause,
        message="",
    )


def record(*attempts: tuple[str | None, int, int]) -> TrialRecord:
    """A trial by (cause, workers, split) of its attempts."""
    made = (
        attempt(number, "failed" if cause else "stopped", cause, workers, split)
        for number, (cause, workers, split) in enumerate(attempts, start=1)
    )
    return TrialRecord("a", "a", {}, tuple(made))


def raised_from(cause: Exception) -> Exception:
    error = ValueError("while loading a batch")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),)
        + ("out_of_memory",),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out_of_memory"),
        (MemoryError(), "out_of_memory"),
        (DataError("class list is missing"), "data"),
        (raised_from(DataError("a shard is damaged")), "data"),
        (DiskFull("no room"), "disk"),
        (OSError(errno.ENOENT, "no such file"), "code"),
        (ValueError("out of memory is a word in my message"), "code"),
        (RuntimeError("shapes do not match"), "code"),
    ],
)
def test_an_error_has_a_class(error: BaseException, cause: Cause) -> None:
    assert cause_of(error) == cause


def test_torch_itself_says_it_in_these_words() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert cause_of(caught.value) == "out_of_memory"


@pytest.mark.parametrize(
    ("cause", "taken_up"),
    [("lost", True), ("replaced", True), ("disk", True), ("data", False), ("code", False), ("error", False)],
)
def test_what_a_new_run_begins_again(cause: str, taken_up: bool) -> None:
    assert Retries().take_up(record((cause, 1, 1))) is taken_up
    asked = failure_class(attempt(1, cause=cause))
    assert asked is not None
    assert Retries(requested=frozenset({asked})).take_up(record((cause, 1, 1)))


def test_lost_workers_are_replaced_so_often_in_one_run() -> None:
    retries, lost = Retries(lost=2), ("lost", 1, 1)
    assert retries.try_again(record(lost, lost), since=1)
    assert not retries.try_again(record(lost, lost, lost), since=1)
    assert retries.try_again(record(lost, lost, lost), since=2)
    assert not retries.try_again(record(("code", 1, 1)), since=1)
    assert not retries.try_again(record(("disk", 1, 1)), since=1)


def test_the_micro_batch_is_halved_so_often() -> None:
    once, twice = Retries(out_of_memory=1), Retries(out_of_memory=2)
    first, second = ("out_of_memory", 1, 1), ("out_of_memory", 1, 2)
    assert once.try_again(record(first), since=1)
    assert not once.take_up(record(first, second))
    assert twice.take_up(record(first, second))
    assert once.take_up(record(first, second, first))  # `retry` took it whole again: a new beginning


@pytest.mark.parametrize(
    ("attempts", "micro_batch", "workers", "split"),
    [
        ([], 32, 4, 1),
        ([], 6, 4, None),  # can't be shared out
        ([("out_of_memory", 1, 1)], 32, 1, 2),
        ([("out_of_memory", 1, 1)], 32, 2, 1),  # twice the workers: the numbers that were asked for
        ([("out_of_memory", 2, 1)], 32, 1, 4),
        ([("out_of_memory", 1, 1), ("out_of_memory", 1, 2)], 32, 1, 4),
        ([("out_of_memory", 1, 1), ("lost", 1, 2)], 32, 1, 2),  # what fits is kept
        ([("out_of_memory", 1, 1), (None, 1, 2)], 32, 1, 2),
        ([("out_of_memory", 1, 1)], 3, 1, 3),
        ([("out_of_memory", 1, 1)], 1, 1, None),
        ([("code", 1, 1)], 32, 1, 1),
    ],
)
def test_a_worker_holds_at_most_half_of_what_did_not_fit(
    attempts: list[tuple[str | None, int, int]], micro_batch: int, workers: int, split: int | None
) -> None:
    assert split_for(record(*attempts), micro_batch, workers, afresh=False) == split


def test_a_trial_that_is_asked_for_is_tried_whole() -> None:
    assert split_for(record(("out_of_memory", 1, 1)), 1, 1, afresh=True) == 1


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="retries of lost must be at least 0, but got -1"):
        Retries(lost=-1)
