"""Text of the command line -> typed values. Each function raises ValueError: the value expected, and the value given."""

import math
from dataclasses import replace
from pathlib import Path

from retable.execution.retries import CAUSES, Cause, Retries
from retable.planning.placement import Node


def comma_separated(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def names(text: str) -> tuple[str, ...]:
    """Words between commas, at least one."""
    if not (given := comma_separated(text)):
        raise ValueError(f"must name at least one, such as 5,9, but got {text!r}")
    return given


def failure_classes(text: str) -> frozenset[Cause]:
    """Classes of failures between commas; ``all`` for all of them."""
    found = frozenset(cause for cause in CAUSES if cause in comma_separated(text) or text == "all")
    if not found or (text != "all" and len(found) < len(comma_separated(text))):
        raise ValueError(f"must be all or some of {','.join(CAUSES)}, but got {text!r}")
    return found


def retries(text: str) -> Retries:
    """Limits such as ``lost=2,out_of_memory=1``; a class that is not named keeps its default."""
    given: dict[str, int] = {}
    for word in comma_separated(text):
        name, _, count = word.partition("=")
        if name not in ("lost", "out_of_memory", "preempted") or not count.isdecimal():
            raise ValueError(f"must be such as lost=2,out_of_memory=1, but got {text!r}")
        given[name] = int(count)
    return replace(Retries(), **given)  # type: ignore[arg-type]


def seeds(text: str) -> tuple[int, ...]:
    """Different whole numbers between commas: a seed that counted twice would make differences look certain."""
    given = comma_separated(text)
    if not given or not all(word.isdecimal() for word in given) or len(set(map(int, given))) < len(given):
        raise ValueError(f"must be different whole numbers such as 0,1,2, but got {text!r}")
    return tuple(map(int, given))


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"must be a whole number of at least 1, but got {text!r}")
    return int(text)


def samples(text: str) -> int:
    """A number of samples that has an interval: at least 2."""
    if not text.isdecimal() or int(text) < 2:
        raise ValueError(f"must be a whole number of at least 2, or there is no interval, but got {text!r}")
    return int(text)


def gigabytes(text: str) -> tuple[float, ...]:
    """Sizes in GB between commas."""
    sizes = tuple(_number(word) for word in comma_separated(text))
    if not sizes or min(sizes) <= 0:
        raise ValueError(f"must be sizes in GB such as 12 or 12,24,80, but got {text!r}")
    return sizes


def share(text: str) -> float:
    """A number from 0 to 1."""
    if not 0 <= (given := _number(text)) <= 1:
        raise ValueError(f"must be from 0 to 1, such as 0.5, but got {text!r}")
    return given


def nodes(text: str) -> tuple[Node, ...]:
    """Nodes and the GPUs of each, such as ``4x8`` for four nodes with eight GPUs each, between commas."""
    found: list[Node] = []
    for word in comma_separated(text):
        count, _, gpus = word.partition("x")
        if not (count.isdecimal() and gpus.isdecimal() and int(count) and int(gpus)):
            raise ValueError(f"must be nodes x GPUs of each, such as 4x8 or 2x8,4x4, but got {text!r}")
        found += [Node(f"{word} {at}", {"CPU": 1e6, "GPU": int(gpus)}) for at in range(int(count))]
    return tuple(found)


def at_least_zero(text: str) -> float:
    """A number of at least 0."""
    if (given := _number(text)) < 0:
        raise ValueError(f"must be a number of at least 0, but got {text!r}")
    return given


def results(text: str) -> Path:
    """A folder of results, which may be new; for a URL, its copy on this machine."""
    if "://" not in text:
        path = Path(text)
        if file := next((one for one in (path, *path.absolute().parents) if one.is_file()), None):
            raise ValueError(f"must be a folder, but {file} is a file")
        return path
    from retable.execution.sync import results_folder

    return results_folder(text)


def _number(text: str) -> float:
    """The number; -1 for text that is no finite number."""
    try:
        number = float(text)
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0
