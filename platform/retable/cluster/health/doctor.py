"""The doctor's checks of a cluster: each node by an actor on it, and the links between nodes."""

import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from retable.cluster.connection.connect import joined
from retable.cluster.health.actor import HealthActor
from retable.doctor import access, all_reduce, clock, packages, storage, tracker
from retable.doctor.all_reduce import Timing
from retable.doctor.clock import membership
from retable.doctor.examine import Examination, Subject, examine
from retable.doctor.finding import Finding, failure, run_check

HEAD = "node:__internal_head__"
SECONDS = 120.0
"""Timeout of the nodes' answers: the first call imports torch."""


@dataclass(frozen=True)
class Node:
    """A live node of the cluster.

    Attributes:
        name: host name; with a part of the node's id where two nodes share a host.
        address: IP address.
        gpus: number of GPUs that Ray offers on it.
        head: True for the head, which alone must reach MLflow.
        health_actor: the actor on it.
    """

    name: str
    address: str
    gpus: float
    head: bool
    health_actor: Any


def examine_cluster(address: str, results: str, expected: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Check every node of a running cluster, and the links between nodes.

    Args:
        address: address of the cluster, as ``ray.init`` takes it.
        results: folder or URL of the results, which all nodes must share.
        expected: addresses or names of hosts that must have joined.

    Raises:
        ConnectionError: nothing answers at the address.
    """
    with joined(address) as dashboard:
        nodes = _nodes()
        there = membership(
            [_address(name) for name in expected], [(node.address, node.name) for node in nodes]
        )
        machines, findings = _machines(nodes, results)
        findings += [finding.on(name) for name, machine in machines.items() for finding in machine.findings]
        answering = [node for node in nodes if node.name in machines]
        findings += _driver(results, dashboard, machines)
        findings += [run_check("clock", partial(_clock, node)).on(node.name) for node in answering]
        return (there, *findings, *_storage(answering, results), *_all_reduces(answering, machines))


def _address(name: str) -> str:
    """The IP address of a host, or its name if it has no address here."""
    try:
        return socket.gethostbyname(name)
    except OSError:
        return name


def _driver(results: str, dashboard: str, machines: Mapping[str, Examination]) -> list[Finding]:
    """Findings on this driver's machine, and on differences between all machines."""
    driver = examine(Subject(results, in_cluster=True))
    findings = [f.on("driver") for f in driver.findings if f.check in (access.CHECK, tracker.CHECK)]
    if dashboard:
        findings.append(access.requires_token(f"http://{dashboard}"))
    everybody = {"driver": driver, **machines}
    findings.append(packages.same_everywhere({name: m.versions for name, m in everybody.items()}))
    findings.append(access.same_token({name: m.token for name, m in everybody.items()}))
    return findings


def _nodes() -> list[Node]:
    """The live nodes, the head first, each with its actor."""
    alive = sorted((n for n in ray.nodes() if n["Alive"]), key=lambda n: HEAD not in n["Resources"])
    hosts = Counter(node["NodeManagerHostname"] for node in alive)
    nodes = []
    for node in alive:
        host, number = node["NodeManagerHostname"], node["NodeID"]
        nodes.append(
            Node(
                name=host if hosts[host] == 1 else f"{host}/{number[:6]}",
                address=node["NodeManagerAddress"],
                gpus=node["Resources"].get("GPU", 0),
                head=HEAD in node["Resources"],
                health_actor=HealthActor.on(number),
            )
        )
    return nodes


def _answers(check: str, references: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """The answers of nodes by name, and a finding for each node without an answer in time."""
    answers: dict[str, Any] = {}
    findings = []
    deadline = time.monotonic() + SECONDS
    for name, reference in references.items():
        try:
            answers[name] = ray.get(reference, timeout=max(deadline - time.monotonic(), 0.1))
        except (RayError, GetTimeoutError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
            advice = "see `ray status`, and on the node the logs in /tmp/ray/session_latest/logs"
            findings.append(failure(check, f"no answer: {reason}", advice).on(name))
    return answers, findings


def _machines(nodes: Sequence[Node], results: str) -> tuple[dict[str, Examination], list[Finding]]:
    references = {
        node.name: node.health_actor.examine.remote(
            Subject(results, in_cluster=True, gpus=node.gpus, tracker=node.head)
        )
        for node in nodes
    }
    return _answers("node", references)


def _clock(node: Node) -> Finding:
    return clock.clock(
        clock.measure_skew(lambda: float(ray.get(node.health_actor.now.remote(), timeout=SECONDS)))
    )


def _storage(nodes: Sequence[Node], results: str) -> list[Finding]:
    """Every node writes a mark, then reads the marks of all nodes."""
    written, findings = _answers(storage.CHECK, {n.name: n.health_actor.write.remote(results) for n in nodes})
    marks = {name: mark for name, mark in written.items() if isinstance(mark, storage.Mark)}
    findings += [
        storage.unwritable(results, reason).on(name)
        for name, reason in written.items()
        if isinstance(reason, str)
    ]
    readers = {
        node.name: node.health_actor.read.remote(results, marks) for node in nodes if node.name in marks
    }
    readings, lost = _answers(storage.CHECK, readers)
    findings += lost + [storage.assess(results, seen).on(name) for name, seen in readings.items()]
    removed = {n.name: n.health_actor.remove.remote(results, marks[n.name]) for n in nodes if n.name in marks}
    return findings + _answers(storage.CHECK, removed)[1]


def _all_reduces(nodes: Sequence[Node], machines: Mapping[str, Examination]) -> list[Finding]:
    """All-reduces that measure every node with another one, or two processes of a single node."""
    if len(nodes) == 1:
        between = f"two processes of {nodes[0].name}"
        backends = ["gloo", *(["nccl"] if machines[nodes[0].name].gpus >= 2 else [])]
        references = {b: nodes[0].health_actor.all_reduce_locally.remote(b) for b in backends}
        answers, lost = _answers("all-reduce", references)
        return lost + [all_reduce.assess(b, timing, between) for b, timing in answers.items()]
    findings = []
    pairs = list(zip(nodes[::2], nodes[1::2], strict=False))
    rounds = [pairs, [(nodes[-1], nodes[0])]] if len(nodes) % 2 else [pairs]
    for backend in ("gloo", "nccl"):
        for together in rounds:
            fit = [p for p in together if backend == "gloo" or all(machines[n.name].gpus for n in p)]
            findings += _all_reduce(backend, fit)
    return findings


def _all_reduce(backend: str, pairs: Sequence[tuple[Node, Node]]) -> list[Finding]:
    """All-reduces of pairs at the same time. The pairs have no node in common."""
    references: dict[str, Any] = {}
    for first, second in pairs:
        meeting = ray.get(first.health_actor.meeting.remote(first.address), timeout=SECONDS)
        for rank, node in enumerate((first, second)):
            references[node.name] = node.health_actor.all_reduce.remote(rank, meeting, backend)
    answers, findings = _answers(f"all-reduce, {backend}", references)
    for first, second in pairs:
        timings = [answers[node.name] for node in (first, second) if node.name in answers]
        faulty = [timing for timing in timings if timing.fault]
        worst: Timing | None = max(faulty or timings, key=lambda timing: timing.seconds, default=None)
        if worst is not None:
            findings.append(all_reduce.assess(backend, worst, f"{first.name} and {second.name}"))
    return findings
