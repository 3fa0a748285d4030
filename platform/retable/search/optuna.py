"""The only module that imports Optuna. Samplers suggest points; Optuna's storage is a copy for its dashboard.

A sampler sees an in-memory copy of the points so far, and draws random numbers keyed by (seed, number of the point), so a
resumed search suggests the same points as one that was never killed. The storage (SQLite or any other database) is written
after our own record, one whole trial at a time: it can lag behind the record and catch up, but never contradict it.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from retable.errors import RetableError
from retable.study.search import Choice, Dimension, Point, Sampler, Whole
from retable.trial.identity import Label
from retable.trial.random import stream

MIN_POINTS = 6
"""Number of complete points needed for importances. With four, fANOVA can confuse two dimensions."""

Direction = Literal["maximize", "minimize"]
State = Literal["running", "complete", "pruned", "failed"]

_STATES: Mapping[State, TrialState] = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class OptunaStorageError(RetableError, OSError):
    """Optuna's storage can't be used."""


@dataclass(frozen=True)
class ReportedPoint:
    """A point as it is reported to Optuna.

    Attributes:
        state: a trial that collapsed is ``pruned``, since the sampler should learn from it.
        values: one score for each objective, if the point is complete.
        rungs: score of the first objective by iteration.
        attributes: labels that the dashboard shows, such as the signature.
    """

    number: int
    point: Point
    state: State
    values: tuple[float, ...] | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    attributes: Mapping[str, Label] = field(default_factory=dict)


def suggest(
    space: Sequence[Dimension[Any]],
    directions: Sequence[Direction],
    sampler: Sampler,
    reported: Sequence[ReportedPoint],
    *,
    cell: str,
    draw: int = 0,
) -> Point:
    """Suggest the next point, number ``len(reported)``. Equal arguments give equal points.

    Args:
        cell: label of the point's cell; two cells do not share random numbers.
        draw: number of the attempt, if earlier suggestions of this point were unusable.
    """
    distributions = _distributions(space)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=directions, sampler=_sampler(sampler, cell, len(reported), draw))
    for one in reported:
        study.add_trial(_frozen(one, distributions, intermediate=False))
    return study.ask(distributions).params


def importances(
    space: Sequence[Dimension[Any]], directions: Sequence[Direction], reported: Sequence[ReportedPoint]
) -> list[Mapping[str, float]]:
    """Share of each dimension in each objective's variance (fANOVA, Hutter et al., ICML 2014).

    Returns:
        For each objective, the shares by dimension, of sum 1; empty with fewer than `MIN_POINTS` complete points, or no
        variance.
    """
    complete = [one for one in reported if one.state == "complete"]
    if len(complete) < MIN_POINTS:
        return [{} for _ in directions]
    distributions = _distributions(space)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shares: list[Mapping[str, float]] = []
    for at, direction in enumerate(directions):
        alone = [replace(one, values=(one.values[at],)) for one in complete if one.values is not None]
        if len({one.values for one in alone}) == 1:  # Optuna would give the first dimension all of it
            shares.append({})
            continue
        study = optuna.create_study(direction=direction)
        for one in alone:
            study.add_trial(_frozen(one, distributions, intermediate=False))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        shares.append(optuna.importance.get_param_importances(study, evaluator=evaluator))
    return shares


class OptunaStorage:
    """Optuna's database, for `optuna-dashboard` and Optuna's own tools.

    Args:
        url: URL of the database, such as ``sqlite:///results/optuna.db`` or ``postgresql://…``.

    Raises:
        OptunaStorageError: the database can't be reached, or is of another version of Optuna.
    """

    def __init__(self, url: str) -> None:
        self._studies: dict[str, optuna.Study] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.place = make_url(url).render_as_string(hide_password=True)
            arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
            self._storage = optuna.storages.RDBStorage(url, engine_kwargs=arguments)
        except (SQLAlchemyError, RuntimeError, ImportError, optuna.exceptions.OptunaError) as error:
            place = getattr(
                self, "place", "that --optuna-storage, which is no URL such as sqlite:///optuna.db"
            )
            remedy = "give --optuna-storage another URL, which is filled with all points"
            if isinstance(error, ImportError):
                remedy += (
                    ", or install the database's driver (pip install 'retable[postgres]' for PostgreSQL)"
                )
            elif isinstance(error, RuntimeError):
                remedy += f", or bring the database to Optuna {optuna.__version__} (optuna storage upgrade)"
            raise OptunaStorageError(
                f"Optuna can't use {place}: {str(error).partition(chr(10))[0].rstrip('.')}", remedy=remedy
            ) from error

    def update(
        self,
        name: str,
        space: Sequence[Dimension[Any]],
        objectives: Mapping[str, Direction],
        reported: Sequence[ReportedPoint],
    ) -> None:
        """Update one study in the database. A second call changes nothing.

        Optuna can't reopen a failed trial: a retried trial appears as a new one.

        Raises:
            OptunaStorageError: the database failed; nothing is lost, and the next call catches up.
        """
        distributions = _distributions(space)
        try:
            study = self._study(name, objectives)
            study_id = self._storage.get_study_id_from_name(name)
            shown: dict[object, FrozenTrial] = {
                trial.user_attrs.get("point"): trial for trial in study.get_trials(deepcopy=False)
            }
            for one in reported:
                trial = shown.get(one.number)
                if trial is None or (trial.state == TrialState.FAIL and one.state != "failed"):
                    self._storage.create_new_trial(study_id, _frozen(one, distributions))
                elif not trial.state.is_finished():
                    self._update_trial(trial, one)
        except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
            raise OptunaStorageError(
                f"Optuna's storage {self.place} did not take study {name}: {str(error).partition(chr(10))[0]}",
                remedy="the search goes on, and the storage is brought up to date later",
            ) from error

    def _study(self, name: str, objectives: Mapping[str, Direction]) -> optuna.Study:
        if name not in self._studies:
            study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                directions=list(objectives.values()),
                load_if_exists=True,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(objectives))
            self._studies[name] = study
        return self._studies[name]

    def _update_trial(self, trial: FrozenTrial, one: ReportedPoint) -> None:
        """Write the changes of a running trial. Its final state comes last, since nothing can follow it."""
        identity = trial._trial_id  # Optuna's storage interface needs it, and it has no public name
        for iteration, value in one.rungs.items():
            if iteration not in trial.intermediate_values:
                self._storage.set_trial_intermediate_value(identity, iteration, value)
        for name, label in one.attributes.items():
            if trial.user_attrs.get(name) != label:
                self._storage.set_trial_user_attr(identity, name, label)
        if one.state != "running":
            self._storage.set_trial_state_values(identity, _STATES[one.state], one.values)

    def close(self) -> None:
        """Close the connections."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _sampler(sampler: Sampler, cell: str, number: int, draw: int) -> BaseSampler:
    seed = int(stream(sampler.seed, f"search {cell}", number, draw).integers(2**31))
    if sampler.kind == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=sampler.startup, multivariate=True)


def _distributions(space: Sequence[Dimension[Any]]) -> dict[str, BaseDistribution]:
    return {dimension.name: _distribution(dimension) for dimension in space}


def _distribution(dimension: Dimension[Any]) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(list(dimension.options))
    kind = IntDistribution if isinstance(dimension, Whole) else FloatDistribution
    return kind(dimension.low, dimension.high, log=dimension.log)  # type: ignore[arg-type]


def _frozen(
    one: ReportedPoint, distributions: Mapping[str, BaseDistribution], *, intermediate: bool = True
) -> FrozenTrial:
    """The point as a trial of Optuna. Multi-objective samplers refuse trials with intermediate values."""
    return optuna.trial.create_trial(
        state=_STATES[one.state],
        values=None if one.values is None else list(one.values),
        params=dict(one.point),
        distributions=dict(distributions),
        user_attrs={"point": one.number, **one.attributes},
        intermediate_values=dict(one.rungs) if intermediate else {},
    )
