"""Preflight checks: a function that runs on every node of the cluster, and the two checks before a study starts."""

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import ray
from ray import cloudpickle
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from retable.environment.packages import differences, package_versions
from retable.errors import RetableError

Answer = TypeVar("Answer")

SECONDS = 180.0
"""Timeout of the nodes' answers: each node first fetches and unpacks our code."""


class NodesDifferError(RetableError, ValueError):
    """Nodes can't run what this driver would send them: the message names them and says what to do."""


def on_every_node(
    function: Callable[..., Answer], *arguments: object, seconds: float = SECONDS
) -> dict[str, Answer | Exception]:
    """The function's return value or its error on each live node. It runs in tasks that take no CPU, on all nodes at once.

    The function is sent together with the module that defines it, so that a node without our code can answer too. That module
    may only use packages that Ray's own Python has.

    Args:
        seconds: timeout, after which a node's answer is a TimeoutError.

    Returns:
        The answers by the node's name, such as ``worker3 (10.0.0.3)``.
    """
    module = sys.modules[function.__module__]
    cloudpickle.register_pickle_by_value(module)
    try:
        task = ray.remote(num_cpus=0, max_retries=0)(function)
        tasks = {}
        for node in ray.nodes():
            if node["Alive"]:
                here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                name = name if name not in tasks else f"{name}, node {node['NodeID'][:8]}"
                tasks[name] = task.options(scheduling_strategy=here).remote(*arguments)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    done, late = ray.wait(list(tasks.values()), num_returns=len(tasks), timeout=seconds)
    for answer in late:
        ray.cancel(answer, force=True)
    return {name: _answer(answer, answer in done, seconds) for name, answer in tasks.items()}


def _answer(answer: "ray.ObjectRef[Answer]", done: bool, seconds: float) -> Answer | Exception:
    if not done:
        return TimeoutError(f"no answer within {seconds:g} s")
    try:
        found: Answer | Exception = ray.get(answer)
    except RayError as error:
        found = error  # the caller decides
    return found


def check_versions() -> list[str]:
    """Compare every node's package versions with this driver's.

    Returns:
        Warnings: a sentence on each node whose differences are no errors.

    Raises:
        NodesDifferError: a node differs in a version that must agree, or did not answer.
    """
    ours = package_versions()
    errors, warnings = [], []
    for node, theirs in on_every_node(package_versions).items():
        if isinstance(theirs, Exception):
            errors.append(f"{node}: {str(theirs).strip().splitlines()[-1]}")
            continue
        found = differences(ours, theirs)
        errors += [f"{node}: {sentence}" for sentence in found.errors]
        if found.warnings:
            warnings.append(f"{node} has other versions than here: {'; '.join(found.warnings)}")
    if errors:
        listed = "\n".join(f"  {error}" for error in errors)
        raise NodesDifferError(
            f"these nodes can't run this driver's code; nothing was started:\n{listed}",
            remedy="install the versions of constraints.txt, and the same checkout or wheel, on all of them; `ray up` does so",
        )
    return warnings


def missing_folders(folders: Sequence[Path]) -> dict[str, str]:
    """The missing folder by node, for nodes that lack one or do not answer.

    Args:
        folders: folders that exist on this machine. A test file is written to the last one, since the same path may be another
            folder on a node.
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
