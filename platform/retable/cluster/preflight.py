"""The same question to every node of the connected cluster, and two that are asked before anything starts."""

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import ray
from ray import cloudpickle
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.environment.packages import differences, installed
from retable.errors import RetableError

Answer = TypeVar("Answer")

SECONDS = 180.0
"""How long nodes may take to answer: each first fetches and unpacks the code that travelled."""


class NodesDifferError(RetableError, ValueError):
    """Nodes can't run what this driver would send them: the message names them and says what to do."""


def on_every_node(
    function: Callable[..., Answer], *arguments: object, seconds: float = SECONDS
) -> dict[str, Answer | Exception]:
    """What a function returns on each living node, or why it did not; in tasks that take no CPU, all at a time.

    The function travels with the module that defines it, so that a node without our code can answer too; that module
    may use what Ray's own Python has, and nothing else.

    Args:
        seconds: after that long a node's answer is a TimeoutError.

    Returns:
        By the node's name, such as ``worker3 (10.0.0.3)``.
    """
    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        task = ray.remote(num_cpus=0, max_retries=0)(function)
        asked = {}
        for node in ray.nodes():
            if node["Alive"]:
                here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                name = name if name not in asked else f"{name}, node {node['NodeID'][:8]}"
                asked[name] = task.options(scheduling_strategy=here).remote(*arguments)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    done, late = ray.wait(list(asked.values()), num_returns=len(asked), timeout=seconds)
    for answer in late:
        ray.cancel(answer, force=True)
    return {name: _answer(answer, answer in done, seconds) for name, answer in asked.items()}


def _answer(answer: "ray.ObjectRef[Answer]", done: bool, seconds: float) -> Answer | Exception:
    if not done:
        return TimeoutError(f"no answer within {seconds:g} s")
    try:
        found: Answer | Exception = ray.get(answer)
    except RayError as error:
        found = error  # for the caller to judge
    return found


def check_versions() -> list[str]:
    """Compare what every node has installed with what this driver has.

    Returns:
        Warnings: a sentence on each node that differs in what need not agree.

    Raises:
        NodesDifferError: a node differs in what must agree, or gave no answer.
    """
    ours = installed()
    errors, warnings = [], []
    for node, theirs in on_every_node(installed).items():
        if isinstance(theirs, Exception):
            errors.append(f"{node}: {str(theirs).strip().splitlines()[-1]}")
            continue
        found = differences(ours, theirs)
        errors += [f"{node}: {sentence}" for sentence in found.errors]
        if found.warnings:
            warnings.append(f"{node} has other versions than here: {'; '.join(found.warnings)}")
    if errors:
        told = "\n".join(f"  {error}" for error in errors)
        raise NodesDifferError(
            f"these nodes can't run what this driver would send them; nothing was started:\n{told}",
            remedy="install the versions of constraints.txt, and the same checkout or wheel, on all of them; `ray up` does so",
        )
    return warnings


def unseen(folders: Sequence[Path]) -> dict[str, str]:
    """The nodes that don't see one of the folders, with its path; a node that can't answer counts as one.

    Args:
        folders: all of them exist here; the last is written to for the test, since a path alone may be another folder.
    """
    token = folders[-1] / f".{secrets.token_hex(8)}"
    token.touch()
    try:
        answers = on_every_node(_absent, [str(path.resolve()) for path in (*folders, token)])
    finally:
        token.unlink()
    found = {}
    for node, absent in answers.items():
        if isinstance(absent, Exception):
            found[node] = f"{folders[-1]} ({str(absent).strip().splitlines()[-1]})"
        elif absent:
            found[node] = str(folders[-1]) if absent[0] == str(token.resolve()) else absent[0]
    return found


def _absent(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not Path(path).exists()]
