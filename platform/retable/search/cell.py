"""A tuned cell: one cell of a search over a folder of results, with its points, their results and its pruned trials."""

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
from retable.search.history import Rung, SearchHistory, Suggestion
from retable.search.optuna import Direction, ReportedPoint, State, suggest
from retable.search.report import PointResult, best_point
from retable.store import metrics_log
from retable.store.formats.layout import ResultsFolder
from retable.store.formats.result import TrialResult
from retable.study.scale import Scale
from retable.study.search import Point, Search, SearchCell, point_text
from retable.trial.config import C
from retable.trial.trial import Trial

MAX_DRAWS = 100
"""Unusable suggestions in a row after which a space counts as exhausted."""

_NONE: Mapping[str, str] = MappingProxyType({})


class SearchError(RetableError, ValueError):
    """A search that can't be resumed from its history."""


@dataclass
class TunedCell(Generic[C]):
    """One cell of a search, over a folder of results.

    Attributes:
        seed: training seed of every point; the winner is repeated with other seeds.
        data: content fingerprint of the data set.
        results: folder of results.
        exhausted: reason why no other point can be suggested; empty while one can.
        name: name of the cell's study in Optuna.
        history: points suggested and decisions made so far.
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
        self.history = SearchHistory(ResultsFolder(self.results).suggestions(self.study, file), declared)

    @property
    def base(self) -> tuple[PlannedTrial, ...]:
        """The trial without any change, after the trials that it requires: the data to prepare."""
        return plan_trials({self._trial(self.cell.config): ()})

    @property
    def upcoming(self) -> tuple[PlannedTrial, ...]:
        """The trials of the points that are certain to be suggested: the first ones, which the search declares."""
        known = {suggestion.signature for suggestion in self.history}
        trials = [self._trial(self.config(point)) for point in self.search.first[: self.wanted]]
        place = f"{self.search.number}: {self.cell.label}"
        fresh = [trial for trial in trials if trial.signature not in known]
        return tuple(one for trial in fresh for one in named_trials(trial, place, self.cell.label))

    @property
    def objectives(self) -> dict[str, Direction]:
        """Direction by objective, which is a metric family."""
        return {o: "maximize" if higher_is_better(o) else "minimize" for o in self.search.objectives}

    @property
    def wanted(self) -> int:
        """Number of points of the cell at this scale."""
        return self.search.points.get(self.scale.name, 0)

    @property
    def complete(self) -> bool:
        """True if all points have been suggested."""
        return len(self.history) >= self.wanted or bool(self.exhausted)

    def config(self, point: Point) -> C:
        """The cell's config at a point, at paper scale."""
        return self.search.at(self.cell.config, point)

    def planned(self, suggestion: Suggestion) -> tuple[PlannedTrial, ...]:
        """A point's trial, after those that it requires."""
        trial = self._trial(self.config(suggestion.point))
        if trial.signature != suggestion.signature:
            raise SearchError(
                f"{self.history.path} has trial {suggestion.signature} at {point_text(suggestion.point)}, which now is "
                f"{trial.signature}: the study's code has changed",
                remedy="move the file away and run again",
            )
        name = f"{self.cell.label} #{suggestion.number} {point_text(suggestion.point)}"
        return named_trials(trial, f"{self.search.number}: {name}", name)

    def winner_trials(self, winner: PointResult, seeds: Sequence[int]) -> tuple[PlannedTrial, ...]:
        """The trials of the winner, one for each seed."""
        config = self._trial(self.config(winner.suggestion.point)).config
        trials = [Trial(config, seed, self.data) for seed in seeds]
        place = f"{self.search.number}: {self.cell.label}, winner"
        return tuple(
            planned
            for trial in trials
            for planned in named_trials(trial, place, f"{self.cell.label} winner seed={trial.seed}")
        )

    def point_results(
        self, states: Mapping[str, str] = _NONE, messages: Mapping[str, str] = _NONE
    ) -> list[PointResult]:
        """The result of each point.

        Args:
            states: state by signature of trials without a result.
            messages: message by signature of trials without a result.

        Raises:
            SearchError: a finished trial lacks an objective, or two were measured by different protocols.
        """
        contents = {
            a.signature: path.read_bytes() for a in self.history if (path := self._result(a)).exists()
        }
        outcomes = parse_results(contents, [a.signature for a in self.history], states, messages)
        points = [
            self._point_result(suggestion, outcomes[suggestion.signature]) for suggestion in self.history
        ]
        for objective in self.search.objectives:
            protocols = sorted({point.protocols[objective] for point in points if point.values})
            if len(protocols) > 1:
                raise SearchError(
                    f"search {self.search.number}, {self.cell.label}: {objective} was measured by different "
                    f"protocols, which can't be compared: {', '.join(protocols)}",
                    remedy=f"move {self.history.path} away and search again",
                )
        return points

    def reported(self, points: Sequence[PointResult]) -> list[ReportedPoint]:
        """The points as they are reported to Optuna."""
        return [
            ReportedPoint(
                number=point.suggestion.number,
                point=point.suggestion.point,
                state=_OPTUNA.get(point.state, "running"),
                values=tuple(point.values[o] for o in self.search.objectives) if point.values else None,
                rungs={iteration: rung.value for iteration, rung in point.suggestion.rungs.items()},
                attributes={
                    "signature": point.suggestion.signature,
                    "cell": self.cell.label,
                    "state": point.suggestion.pruned_at
                    and f"pruned at {point.suggestion.pruned_at}"
                    or point.state,
                },
            )
            for point in points
        ]

    def suggest(self, points: Sequence[PointResult]) -> Suggestion | None:
        """Suggest a new point and write it down. None if the space has no other point."""
        known = {suggestion.signature for suggestion in self.history}
        refusal = ""
        for point in self._candidates(self.reported(points)):
            try:
                signature = self._trial(self.config(point)).signature
            except ValueError as error:  # the config refuses this combination of values
                refusal = f"; {point_text(point)}: {error}"
                continue
            if signature not in known:
                return self.history.add(point, signature)
        self.exhausted = f"{MAX_DRAWS} suggestions gave no new trial{refusal}"
        return None

    def check_rungs(self, signature: str) -> Suggestion | None:
        """Record the rungs that a trial has reached, and decide on each. Returns its suggestion if the trial must end now."""
        if self.search.pruner is None:
            return None
        for suggestion in self.history:
            if suggestion.signature == signature and suggestion.pruned_at is None:
                return self._decide(suggestion)
        return None

    def note_finished(self) -> None:
        """Record the rungs of trials that were finished before their point was suggested: others are compared with them."""
        for suggestion in self.history:
            if not suggestion.rungs and self._result(suggestion).exists():
                self.check_rungs(suggestion.signature)

    def winner(self, points: Sequence[PointResult]) -> PointResult | None:
        """The best finished point by the first objective."""
        return best_point(points, self.search.objectives[0])

    def _decide(self, suggestion: Suggestion) -> Suggestion | None:
        assert self.search.pruner is not None
        config = self._trial(self.config(suggestion.point)).config
        finished = self._result(suggestion).exists()  # nothing to end, but others are compared with it
        scores = self._score_history(suggestion, finished)
        objective = self.search.objectives[0]
        for rung in self.search.pruner.rungs(config.iterations, config.snapshot_every):
            if rung not in scores:
                return None
            if rung in suggestion.rungs:
                continue
            protocol, value = scores[rung]
            others = self.history.at_rung(rung)
            if odd := {other.protocol for other in others} - {protocol}:
                raise SearchError(
                    f"search {self.search.number}: at iteration {rung} trial {suggestion.signature} was measured by "
                    f"{protocol}, others by {', '.join(odd)}; they can't be compared",
                    remedy=f"move {self.history.path} away and search again",
                )
            kept = finished or self.search.pruner.keeps(
                value, [other.value for other in others], higher_is_better=higher_is_better(objective)
            )
            suggestion = self.history.add_rung(suggestion.number, rung, Rung(value, protocol, kept))
            if not kept:
                return suggestion
        return None

    def _score_history(self, suggestion: Suggestion, finished: bool) -> dict[int, tuple[str, float]]:
        """Protocol and score of the first objective at each snapshot so far, by iteration."""
        folder = ResultsFolder(self.results).trial(suggestion.signature).path
        if finished:
            with suppress(DamagedFile):  # its metrics log has the same scores
                if (result := TrialResult.read(folder)) is not None:
                    history = result.history.items()
                    return {i: one for i, metrics in history for one in self._of_objective(metrics)}
        scores = self._scores.setdefault(suggestion.signature, {})
        points, self._positions[suggestion.signature] = metrics_log.read(
            folder, self._positions.get(suggestion.signature)
        )
        for point in points:
            if point.kind == "evaluation" and point.value is not None:
                for one in self._of_objective({point.key: point.value}):
                    scores.setdefault(point.iteration, one)
        return scores

    def _of_objective(self, metrics: Mapping[str, float]) -> list[tuple[str, float]]:
        first = self.search.objectives[0]
        return [(name, value) for name, value in metrics.items() if Protocol.parse(name).family == first]

    def _candidates(self, reported: Sequence[ReportedPoint]) -> Iterator[Point]:
        yield from self.search.first
        for draw in range(MAX_DRAWS):
            directions = tuple(self.objectives.values())
            yield suggest(
                self.search.space, directions, self.search.sampler, reported, cell=self.cell.label, draw=draw
            )

    def _point_result(self, suggestion: Suggestion, result: Result) -> PointResult:
        values = {}
        if result.state == "done" and suggestion.pruned_at is None:
            scores = {Protocol.parse(name).family: score.value for name, score in result.scores.items()}
            if lacking := [objective for objective in self.search.objectives if objective not in scores]:
                raise SearchError(
                    f"search {self.search.number} has the objective {lacking[0]}, but trial {suggestion.signature} is "
                    f"scored by {', '.join(scores) or 'nothing'}",
                    remedy="give the search an objective that its trials are scored by",
                )
            values = {objective: scores[objective] for objective in self.search.objectives}
        return PointResult(self.cell.label, suggestion, result, values)

    def _result(self, suggestion: Suggestion) -> Path:
        return ResultsFolder(self.results).trial(suggestion.signature).result

    def _trial(self, config: C) -> Trial:
        return Trial(self.scale.shrink(config).canonical(), self.seed, self.data)


_OPTUNA: Mapping[str, State] = {
    "done": "complete",
    "pruned": "pruned",
    "collapsed": "pruned",  # a bad point that the sampler should learn from
    "failed": "failed",
    "unreadable": "failed",
    "blocked": "failed",
}
"""Optuna's state by a point's state. In any other state the trial runs or will be retried."""


def named_trials(trial: Trial, place: str, name: str) -> tuple[PlannedTrial, ...]:
    """The trial under that name, after the trials that it requires."""
    *required, planned = plan_trials({trial: (place,)})
    return *required, PlannedTrial(planned.trial, name, planned.cells, planned.requires)
