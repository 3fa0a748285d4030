"""What options of the command line hold, and how one that can't be is refused."""

import argparse
import math
from dataclasses import replace

from retable.execution.retries import CAUSES, Cause, Retries
from retable.planning.placement import Node


def words(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def some(text: str) -> tuple[str, ...]:
    """Words between commas, one at least."""
    if not (given := words(text)):
        raise argparse.ArgumentTypeError(f"must name one at least, such as 5,9, but got {text!r}")
    return given


def classes(text: str) -> frozenset[Cause]:
    """Classes of failures between commas, or ``all``."""
    asked = frozenset(cause for cause in CAUSES if cause in words(text) or text == "all")
    if text != "all" and len(asked) < len(words(text)):
        raise argparse.ArgumentTypeError(f"must be all or some of {','.join(CAUSES)}, but got {text!r}")
    return asked


def limits(text: str) -> Retries:
    """Limits such as ``lost=2,out_of_memory=1``; what is not named has its default."""
    given: dict[str, int] = {}
    for word in words(text):
        name, _, count = word.partition("=")
        if name not in ("lost", "out_of_memory", "preempted") or not count.isdecimal():
            raise argparse.ArgumentTypeError(f"must be such as lost=2,out_of_memory=1, but got {text!r}")
        given[name] = int(count)
    return replace(Retries(), **given)  # type: ignore[arg-type]


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers between commas, each once: a seed that counted twice would make differences look certain."""
    given = words(text)
    if not given or not all(word.isdecimal() for word in given) or len(set(map(int, given))) < len(given):
        raise argparse.ArgumentTypeError(f"must be different whole numbers such as 0,1,2, but got {text!r}")
    return tuple(map(int, given))


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, but got {text!r}")
    return int(text)


def gigabytes(text: str) -> tuple[float, ...]:
    """Sizes in GB between commas."""
    sizes = tuple(_number(word) for word in words(text))
    if not sizes or min(sizes) <= 0:
        raise argparse.ArgumentTypeError(f"must be sizes in GB such as 12 or 12,24,80, but got {text!r}")
    return sizes


def share(text: str) -> float:
    """A number above 0, up to 1; or 0."""
    if not 0 <= (given := _number(text)) <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, such as 0.5, but got {text!r}")
    return given


def machines(text: str) -> tuple[Node, ...]:
    """Nodes of so many GPUs, such as ``4x8`` for four with eight each, between commas."""
    found: list[Node] = []
    for word in words(text):
        count, _, gpus = word.partition("x")
        if not (count.isdecimal() and gpus.isdecimal() and int(count) and int(gpus)):
            raise argparse.ArgumentTypeError(
                f"must be nodes x GPUs of each, such as 4x8 or 2x8,4x4, but got {text!r}"
            )
        found += [Node(f"{word} {at}", {"CPU": 1e6, "GPU": int(gpus)}) for at in range(int(count))]
    return tuple(found)


def price(text: str) -> float:
    """A number of at least 0."""
    if (given := _number(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, but got {text!r}")
    return given


def _number(text: str) -> float:
    """The number, or -1 where it is none, or not finite."""
    try:
        number = float(text)
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0
