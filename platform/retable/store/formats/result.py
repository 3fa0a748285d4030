"""The result of a trial: its scores, its history, what it cost and where it ran."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, cast, get_args

from retable.io.sealed import DamagedFile, parse_sealed, sealed, write_sealed
from retable.store.formats.layout import RESULT, TRIALS, TrialFolder
from retable.trial.learner import Best, Score

Finished = Literal["done", "collapsed"]

REMEDY = "restore a copy of it, or train the trial again with `retable retry STUDY --trial {}`"


class ConflictingResults(DamagedFile):
    """The file of a result and the ledger's copy of it differ, and nothing says which one is right."""


@dataclass(frozen=True)
class TrialResult:
    """The content of a finished trial's ``result.json``. Rank 0 of its last attempt writes it, after everything else.

    Attributes:
        signature: the trial's.
        seed: the training seed.
        state: ``collapsed`` where a loss, a weight or a sample was not finite.
        best: iteration of the best snapshot, at which `scores` were taken; None where there is no snapshot.
        best_by: metric family and direction that chose it; None in results of old versions.
        iterations: of the training, up to its end or its collapse; None in results of old versions.
        collapsed_at: iteration of the collapse; None where there was none.
        scores: final scores by protocol name.
        history: iteration of each snapshot -> its metrics by protocol name.
        seconds: iteration of each snapshot -> training seconds until then; empty in results of old versions.
        splits: iteration -> parts that each micro-batch was cut into from there on, for want of memory.
        train_seconds, evaluation_seconds: wall time, over all attempts.
        pieces_seconds: time that one worker would take for work in pieces.
        workers: of the last attempt.
        device: such as ``CPU AMD EPYC 7B13 64-Core, 2 threads`` or ``Tesla V100-SXM2-32GB``.
        peak_memory_mb: most MiB that tensors of rank 0 took on its GPU; None on a CPU.
        gflops: multiply-accumulates of one update in 10⁹; None where the family can't count them.
        commit: of the code that trained it; empty where it is not known.
        sealed: whether the file it was read from carries a checksum; those of old versions don't.
    """

    signature: str
    seed: int
    state: Finished
    best: int | None
    scores: Mapping[str, Score] = field(default_factory=dict)
    best_by: Best | None = None
    iterations: int | None = None
    collapsed_at: int | None = None
    history: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    splits: Mapping[int, int] = field(default_factory=dict)
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    pieces_seconds: float = 0.0
    workers: int = 1
    device: str = ""
    peak_memory_mb: float | None = None
    gflops: float | None = None
    commit: str = ""
    sealed: bool = field(default=True, compare=False)

    def write(self, folder: Path) -> None:
        """Write the result into a trial's folder, sealed, whole or not at all.

        Raises:
            ValueError: a number is not finite.
            retable.io.files.DiskFull: there is no room.
        """
        write_sealed(TrialFolder(folder).result, self._record())

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The result in a trial's folder; None if there is none.

        Raises:
            DamagedFile: the file is damaged, or holds another trial's result.
        """
        path = TrialFolder(folder).result
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        return cls.parse(content, path)

    @classmethod
    def parse(cls, content: bytes, name: object, *, signature: str = "") -> Self:
        """The result that a file holds.

        Args:
            name: of the file, for errors.
            signature: the trial's, whose result is expected; empty where any trial's is.

        Raises:
            DamagedFile: the content is damaged, or another trial's.
        """
        remedy = REMEDY.format(signature or "SIGNATURE")
        record, is_sealed = parse_sealed(content, name, remedy=remedy)
        try:
            result = cls._of(record, is_sealed)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedFile(
                f"{name} is no result of a trial: {type(error).__name__}: {error}", remedy=remedy
            ) from error
        if signature and result.signature != signature:
            raise DamagedFile(
                f"{name} is the result of trial {result.signature}, expected {signature}", remedy=remedy
            )
        return result

    def to_json(self) -> dict[str, object]:
        """The file's content, with its seal, for the ledger's copy."""
        return sealed(self._record())

    def _record(self) -> dict[str, object]:
        return {
            "signature": self.signature,
            "seed": self.seed,
            "state": self.state,
            "best": self.best,
            "best_by": None if self.best_by is None else asdict(self.best_by),
            "iterations": self.iterations,
            "collapsed_at": self.collapsed_at,
            "scores": {name: asdict(score) for name, score in self.scores.items()},
            "history": {str(iteration): dict(metrics) for iteration, metrics in self.history.items()},
            "seconds": {str(iteration): seconds for iteration, seconds in self.seconds.items()},
            "splits": {str(iteration): parts for iteration, parts in self.splits.items()},
            "train_seconds": self.train_seconds,
            "evaluation_seconds": self.evaluation_seconds,
            "pieces_seconds": self.pieces_seconds,
            "workers": self.workers,
            "device": self.device,
            "peak_memory_mb": self.peak_memory_mb,
            "gflops": self.gflops,
            "commit": self.commit,
        }

    @classmethod
    def _of(cls, record: Mapping[str, Any], is_sealed: bool) -> Self:
        if record["state"] not in get_args(Finished):
            raise ValueError(
                f"state must be one of {sorted(get_args(Finished))}, but got {record['state']!r}"
            )
        best_by, iterations = record.get("best_by"), record.get("iterations")
        return cls(
            signature=str(record["signature"]),
            seed=int(record["seed"]),
            state=cast(Finished, record["state"]),
            best=None if record["best"] is None else int(record["best"]),
            best_by=None if best_by is None else Best(best_by["metric"], best_by["mode"]),
            iterations=None if iterations is None else int(iterations),
            collapsed_at=record.get("collapsed_at"),
            scores={name: _score(score) for name, score in record["scores"].items()},
            history={int(at): dict(metrics) for at, metrics in record.get("history", {}).items()},
            seconds={int(at): float(seconds) for at, seconds in record.get("seconds", {}).items()},
            splits={int(at): int(parts) for at, parts in record.get("splits", {}).items()},
            train_seconds=float(record["train_seconds"]),
            evaluation_seconds=float(record["evaluation_seconds"]),
            pieces_seconds=float(record.get("pieces_seconds", 0.0)),
            workers=int(record["workers"]),
            device=str(record["device"]),
            peak_memory_mb=record.get("peak_memory_mb"),
            gflops=record.get("gflops"),
            commit=record.get("commit") or "",
            sealed=is_sealed,
        )


def agreed_result(
    signature: str, content: bytes | None, recorded: Mapping[str, Any] | None
) -> TrialResult | None:
    """The result of a trial from its file and the ledger's copy of it: the one that is sound.

    A copy whose seal holds counts before one without a seal (of old versions), and that before a damaged one.

    Args:
        content: of the file; None where there is none.
        recorded: the ledger's copy; None where there is none.

    Returns:
        The result; None where there is neither.

    Raises:
        DamagedFile: the file is damaged, and so is the ledger's copy, or there is none.
        ConflictingResults: the two differ, and both or neither are sealed.
    """
    name = f"{TRIALS}/{signature}/{RESULT}"
    copy = None if recorded is None else json.dumps(recorded).encode()
    results, errors = [], []
    for text, place in ((content, name), (copy, f"the ledger's copy of {name}")):
        if text is not None:
            try:
                results.append(TrialResult.parse(text, place, signature=signature))
            except DamagedFile as error:
                errors.append(error)
    best = [result for result in results if result.sealed] or results
    if len(best) == 2 and best[0] != best[1]:
        raise ConflictingResults(
            f"{name} and the ledger's copy of it differ", remedy=REMEDY.format(signature)
        )
    if not best and errors:
        raise errors[0]
    return best[0] if best else None


def _score(record: Mapping[str, Any]) -> Score:
    value, std, repeats = record["value"], record["std"], record["repeats"]
    if value is None or repeats is None:
        raise ValueError(f"a score must have a value and repeats, but got {dict(record)}")
    return Score(float(value), None if std is None else float(std), int(repeats))
