"""What options of the command line hold, and how one that can't be is refused."""

import argparse
import math

from retable.failures import CAUSES, Cause, Retries


def words(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def classes(text: str) -> frozenset[Cause]:
    """Classes of failures between commas, or ``all``."""
    asked = frozenset(cause for cause in CAUSES if cause in words(text) or text == "all")
    if text != "all" and len(asked) < len(words(text)):
        raise argparse.ArgumentTypeError(f"must be all or some of {','.join(CAUSES)}, but got {text!r}")
    return asked


def limits(text: str) -> Retries:
    """Limits such as ``lost=2,out_of_memory=1``; what is not named has its default."""
    given = {"lost": Retries.lost, "out_of_memory": Retries.out_of_memory}
    for word in words(text):
        name, _, count = word.partition("=")
        if name not in given or not count.isdecimal():
            raise argparse.ArgumentTypeError(f"must be such as lost=2,out_of_memory=1, but got {text!r}")
        given[name] = int(count)
    return Retries(lost=given["lost"], out_of_memory=given["out_of_memory"])


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
