"""One cell of a search over a folder of results: its points, what became of them, the next one, who ends early."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Generic

from retable.errors import RetableError
from retable.io.sealed import DamagedFile
from retable.metrics.protocol import Protocol, higher_is_better
from retable.planning.plan import PlannedTrial, plan_trials
from retable.report.results.load import Result, parse_results
from retable.search.history import Rung, SearchHistory, Suggested
from retable.search.optuna import Direction, Reported, State, ask
from retable.search.report import FoundPoint, best_point
from retable.store import metrics_log
from retable.store.formats.layout import ResultsFolder
from retable.store.formats.result import TrialResult
from retable.study.scale import Scale
from retable.study.search import Point, Search, SearchCell, point_text
from retable.trial.config import C
from retable.trial.trial import Trial

DRAWS = 100
"""Proposals that may be of no use, one after the other, before a space counts as exhausted."""

_NONE: Mapping[str, str] = MappingProxyType({})


class SearchError(RetableError, ValueError):
    """What a search has found can't be gone on with."""


@dataclass
class TunedCell(Generic[C]):
    """One cell of a search, over a folder of results.

    Attributes:
        seed: training seed of every point; the winner is repeated at others.
        data: content fingerprint of the data set.
        points: what was asked and decided so far.
        exhausted: why no other point can be asked; empty while one can.
    """

    study: str
    scale: Scale[C]
    search: Search[C]
    cell: SearchCell[C]
    seed: int
    data: str
    results: Path
    exhausted: str = ""
    _positions: dict[str, metrics_log.Position] = field(default_factory=dict)
    _scores: dict[str, dict[int, tuple[str, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        base = self._trial(self.cell.config).signature
        declared = {**self.search.declared(), "cell": self.cell.label, "base": base}
        key = hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()[:6]
        self.name = f"{self.study}/{self.scale.name}/{self.search.number}/{self.cell.label} {key}"
        file = f"{self.scale.name}_{self.search.number}_{self.cell.slug}_{key}"
        self.points = SearchHistory(ResultsFolder(self.results).suggestions(self.study, file), declared)

    @property
    def base(self) -> tuple[PlannedTrial, ...]:
        """The trial before any point, after those that it requires: what there is to prepare."""
        return plan_trials({self._trial(self.cell.config): ()})

    @property
    def coming(self) -> tuple[PlannedTrial, ...]:
        """The trials of the points that are sure to be asked: the search's own first ones."""
        known = {asked.signature for asked in self.points}
        trials = [self._trial(self.config(point)) for point in self.search.first[: self.wanted]]
        place = f"{self.search.number}: {self.cell.label}"
        fresh = [trial for trial in trials if trial.signature not in known]
        return tuple(one for trial in fresh for one in named(trial, place, self.cell.label))

    @property
    def objectives(self) -> dict[str, Direction]:
        """Metric family -> which way is better."""
        return {o: "maximize" if higher_is_better(o) else "minimize" for o in self.search.objectives}

    @property
    def wanted(self) -> int:
        """How many points the cell is given at this scale."""
        return self.search.points.get(self.scale.name, 0)

    @property
    def complete(self) -> bool:
        """Whether every point has been asked."""
        return len(self.points) >= self.wanted or bool(self.exhausted)

    def config(self, point: Point) -> C:
        """The cell's config at a point, at paper scale."""
        return self.search.at(self.cell.config, point)

    def planned(self, asked: Suggested) -> tuple[PlannedTrial, ...]:
        """A point's trial, after those that it requires."""
        trial = self._trial(self.config(asked.point))
        if trial.signature != asked.signature:
            raise SearchError(
                f"{self.points.path} has trial {asked.signature} at {point_text(asked.point)}, which now is "
                f"{trial.signature}: the study's code has changed",
                remedy="move the file away and run again",
            )
        name = f"{self.cell.label} #{asked.number} {point_text(asked.point)}"
        return named(trial, f"{self.search.number}: {name}", name)

    def winner_trials(self, winner: FoundPoint, seeds: Sequence[int]) -> tuple[PlannedTrial, ...]:
        """The winner's trials over the seeds."""
        config = self._trial(self.config(winner.asked.point)).config
        trials = [Trial(config, seed, self.data) for seed in seeds]
        place = f"{self.search.number}: {self.cell.label}, winner"
        return tuple(
            planned
            for trial in trials
            for planned in named(trial, place, f"{self.cell.label} winner seed={trial.seed}")
        )

    def found(
        self, states: Mapping[str, str] = _NONE, messages: Mapping[str, str] = _NONE
    ) -> list[FoundPoint]:
        """What became of each point.

        Args:
            states: what is known of trials without a result, by signature.
            messages: why, by signature.

        Raises:
            SearchError: a finished trial lacks an objective, or two were measured by different protocols.
        """
        contents = {a.signature: path.read_bytes() for a in self.points if (path := self._result(a)).exists()}
        outcomes = parse_results(contents, [a.signature for a in self.points], states, messages)
        found = [self._found(asked, outcomes[asked.signature]) for asked in self.points]
        for objective in self.search.objectives:
            protocols = sorted({point.protocols[objective] for point in found if point.values})
            if len(protocols) > 1:
                raise SearchError(
                    f"search {self.search.number}, {self.cell.label}: {objective} was measured by different "
                    f"protocols, which can't be compared: {', '.join(protocols)}",
                    remedy=f"move {self.points.path} away and search again",
                )
        return found

    def told(self, found: Sequence[FoundPoint]) -> list[Reported]:
        """The same for Optuna."""
        return [
            Reported(
                number=point.asked.number,
                point=point.asked.point,
                state=_OPTUNA.get(point.state, "running"),
                values=tuple(point.values[o] for o in self.search.objectives) if point.values else None,
                rungs={iteration: rung.value for iteration, rung in point.asked.rungs.items()},
                attributes={
                    "signature": point.asked.signature,
                    "cell": self.cell.label,
                    "state": point.asked.pruned_at and f"pruned at {point.asked.pruned_at}" or point.state,
                },
            )
            for point in found
        ]

    def ask(self, found: Sequence[FoundPoint]) -> Suggested | None:
        """Another point, written down; none was asked before. None if the space has no other."""
        known = {asked.signature for asked in self.points}
        refusal = ""
        for point in self._proposals(self.told(found)):
            try:
                signature = self._trial(self.config(point)).signature
            except ValueError as error:  # the config says which values don't go together
                refusal = f"; {point_text(point)}: {error}"
                continue
            if signature not in known:
                return self.points.ask(point, signature)
        self.exhausted = f"{DRAWS} proposals were no other trials{refusal}"
        return None

    def look(self, signature: str) -> Suggested | None:
        """Note a trial's arrival at rungs, and decide. Returns its point if it is to end now, else None."""
        if self.search.pruner is None:
            return None
        for asked in self.points:
            if asked.signature == signature and asked.pruned_at is None:
                return self._decide(asked)
        return None

    def note_finished(self) -> None:
        """Trials that were finished when their point was asked go in at the rungs too, for others to be judged by."""
        for asked in self.points:
            if not asked.rungs and self._result(asked).exists():
                self.look(asked.signature)

    def winner(self, found: Sequence[FoundPoint]) -> FoundPoint | None:
        """The best finished point by the first objective."""
        return best_point(found, self.search.objectives[0])

    def _decide(self, asked: Suggested) -> Suggested | None:
        assert self.search.pruner is not None
        config = self._trial(self.config(asked.point)).config
        over = self._result(
            asked
        ).exists()  # nothing is saved by ending it: it goes in for the others to be judged by
        scores = self._history(asked, over)
        objective = self.search.objectives[0]
        for rung in self.search.pruner.rungs(config.iterations, config.snapshot_every):
            if rung not in scores:
                return None
            if rung in asked.rungs:
                continue
            protocol, value = scores[rung]
            others = self.points.at_rung(rung)
            if odd := {other.protocol for other in others} - {protocol}:
                raise SearchError(
                    f"search {self.search.number}: at iteration {rung} trial {asked.signature} was measured by "
                    f"{protocol}, others by {', '.join(odd)}; they can't be compared",
                    remedy=f"move {self.points.path} away and search again",
                )
            kept = over or self.search.pruner.keeps(
                value, [other.value for other in others], higher_is_better=higher_is_better(objective)
            )
            asked = self.points.arrive(asked.number, rung, Rung(value, protocol, kept))
            if not kept:
                return asked
        return None

    def _history(self, asked: Suggested, over: bool) -> dict[int, tuple[str, float]]:
        """Iteration -> protocol and score of the first objective at each snapshot so far."""
        folder = ResultsFolder(self.results).trial(asked.signature).path
        if over:
            with suppress(DamagedFile):  # its metrics log has the same scores
                if (result := TrialResult.read(folder)) is not None:
                    history = result.history.items()
                    return {i: one for i, metrics in history for one in self._of_objective(metrics)}
        scores = self._scores.setdefault(asked.signature, {})
        points, self._positions[asked.signature] = metrics_log.read(
            folder, self._positions.get(asked.signature)
        )
        for point in points:
            if point.kind == "evaluation" and point.value is not None:
                for one in self._of_objective({point.key: point.value}):
                    scores.setdefault(point.iteration, one)
        return scores

    def _of_objective(self, metrics: Mapping[str, float]) -> list[tuple[str, float]]:
        first = self.search.objectives[0]
        return [(name, value) for name, value in metrics.items() if Protocol.parse(name).family == first]

    def _proposals(self, told: Sequence[Reported]) -> Iterator[Point]:
        yield from self.search.first
        for draw in range(DRAWS):
            directions = tuple(self.objectives.values())
            yield ask(
                self.search.space, directions, self.search.sampler, told, cell=self.cell.label, draw=draw
            )

    def _found(self, asked: Suggested, result: Result) -> FoundPoint:
        values = {}
        if result.state == "done" and asked.pruned_at is None:
            scores = {Protocol.parse(name).family: score.value for name, score in result.scores.items()}
            if lacking := [objective for objective in self.search.objectives if objective not in scores]:
                raise SearchError(
                    f"search {self.search.number} has the objective {lacking[0]}, but trial {asked.signature} is "
                    f"scored by {', '.join(scores) or 'nothing'}",
                    remedy="give the search an objective that its trials are scored by",
                )
            values = {objective: scores[objective] for objective in self.search.objectives}
        return FoundPoint(self.cell.label, asked, result, values)

    def _result(self, asked: Suggested) -> Path:
        return ResultsFolder(self.results).trial(asked.signature).result

    def _trial(self, config: C) -> Trial:
        return Trial(self.scale.shrink(config).canonical(), self.seed, self.data)


_OPTUNA: Mapping[str, State] = {
    "done": "complete",
    "pruned": "pruned",
    "collapsed": "pruned",  # bad, and to be learnt from
    "failed": "failed",
    "unreadable": "failed",
    "blocked": "failed",
}
"""A point's state -> Optuna's; whatever else it is, it goes on or is tried again."""


def named(trial: Trial, place: str, name: str) -> tuple[PlannedTrial, ...]:
    """A trial under that name, after those that it requires."""
    *required, planned = plan_trials({trial: (place,)})
    return *required, PlannedTrial(planned.trial, name, planned.cells, planned.requires)
