"""THE Optuna file: its samplers propose points, and its storage shows them. Neither decides what is trained.

A sampler sees an in-memory copy of what was asked and told, and draws from a stream keyed by (seed, number of the
point): a search that was killed proposes what it would have proposed. The storage (SQLite or any database) is written after
our own record, whole trials at a time, so that it can lag behind it and be brought up to date, but never contradict it.
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

LEAST = 6
"""Complete points from which on shares are told. With four, fANOVA can take one dimension for another."""

Direction = Literal["maximize", "minimize"]
State = Literal["running", "complete", "pruned", "failed"]

_STATES: Mapping[State, TrialState] = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class StorageError(RetableError, OSError):
    """Optuna's storage can't be used."""


@dataclass(frozen=True)
class Reported:
    """What Optuna is to know of one point.

    Attributes:
        state: a trial that collapsed is ``pruned``: bad, and to be learnt from.
        values: one for each objective, if it is complete.
        rungs: iteration -> first objective.
        attributes: what the dashboard shows beside it, such as the signature.
    """

    number: int
    point: Point
    state: State
    values: tuple[float, ...] | None = None
    rungs: Mapping[int, float] = field(default_factory=dict)
    attributes: Mapping[str, Label] = field(default_factory=dict)


def ask(
    space: Sequence[Dimension[Any]],
    directions: Sequence[Direction],
    sampler: Sampler,
    told: Sequence[Reported],
    *,
    cell: str,
    draw: int = 0,
) -> Point:
    """The next point, number ``len(told)``. The same arguments give the same point.

    Args:
        cell: whose point it is; two cells do not share random numbers.
        draw: another one for each time that the proposal is of no use.
    """
    distributions = _distributions(space)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=directions, sampler=_sampler(sampler, cell, len(told), draw))
    for one in told:
        study.add_trial(_frozen(one, distributions, intermediate=False))
    return study.ask(distributions).params


def importances(
    space: Sequence[Dimension[Any]], directions: Sequence[Direction], told: Sequence[Reported]
) -> list[Mapping[str, float]]:
    """What share each dimension has in each objective's spread (fANOVA, Hutter et al., ICML 2014).

    Returns:
        For each objective dimension -> share, of sum 1; empty with fewer than `LEAST` complete points, or no spread.
    """
    complete = [one for one in told if one.state == "complete"]
    if len(complete) < LEAST:
        return [{} for _ in directions]
    distributions = _distributions(space)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shares: list[Mapping[str, float]] = []
    for at, direction in enumerate(directions):
        alone = [replace(one, values=(one.values[at],)) for one in complete if one.values is not None]
        if len({one.values for one in alone}) == 1:  # Optuna would give it all to the first dimension
            shares.append({})
            continue
        study = optuna.create_study(direction=direction)
        for one in alone:
            study.add_trial(_frozen(one, distributions, intermediate=False))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        shares.append(optuna.importance.get_param_importances(study, evaluator=evaluator))
    return shares


class Storage:
    """Optuna's database, for `optuna-dashboard` and Optuna's own tools.

    Args:
        url: such as ``sqlite:///results/optuna.db`` or ``postgresql://…``.

    Raises:
        StorageError: it can't be reached, or is of another version of Optuna.
    """

    def __init__(self, url: str) -> None:
        self._studies: dict[str, optuna.Study] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.place = make_url(url).render_as_string(hide_password=True)
            arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
            self._storage = optuna.storages.RDBStorage(url, engine_kwargs=arguments)
        except (SQLAlchemyError, RuntimeError, ImportError, optuna.exceptions.OptunaError) as error:
            place = getattr(self, "place", "that --storage, which is no URL such as sqlite:///optuna.db")
            remedy = "give --storage another URL, which is filled with all points"
            if isinstance(error, ImportError):
                remedy += (
                    ", or install the database's driver (pip install 'retable[postgres]' for PostgreSQL)"
                )
            elif isinstance(error, RuntimeError):
                remedy += f", or bring the database to Optuna {optuna.__version__} (optuna storage upgrade)"
            raise StorageError(
                f"Optuna can't use {place}: {str(error).partition(chr(10))[0].rstrip('.')}", remedy=remedy
            ) from error

    def show(
        self,
        name: str,
        space: Sequence[Dimension[Any]],
        objectives: Mapping[str, Direction],
        told: Sequence[Reported],
    ) -> None:
        """Bring one study up to date. Calling it twice changes nothing.

        A trial that Optuna calls failed can't be reopened there: when it is tried again, it is shown as a new one.

        Raises:
            StorageError: the database did not take it; nothing else is lost, and the next call catches up.
        """
        distributions = _distributions(space)
        try:
            study = self._study(name, objectives)
            study_id = self._storage.get_study_id_from_name(name)
            shown: dict[object, FrozenTrial] = {
                trial.user_attrs.get("point"): trial for trial in study.get_trials(deepcopy=False)
            }
            for one in told:
                trial = shown.get(one.number)
                if trial is None or (trial.state == TrialState.FAIL and one.state != "failed"):
                    self._storage.create_new_trial(study_id, _frozen(one, distributions))
                elif not trial.state.is_finished():
                    self._update(trial, one)
        except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
            raise StorageError(
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

    def _update(self, trial: FrozenTrial, one: Reported) -> None:
        """Tell what has changed of a running trial; its end comes last, for nothing can follow it."""
        identity = (
            trial._trial_id
        )  # what Optuna's storage interface goes by; trials have no public name for it
        for iteration, value in one.rungs.items():
            if iteration not in trial.intermediate_values:
                self._storage.set_trial_intermediate_value(identity, iteration, value)
        for name, label in one.attributes.items():
            if trial.user_attrs.get(name) != label:
                self._storage.set_trial_user_attr(identity, name, label)
        if one.state != "running":
            self._storage.set_trial_state_values(identity, _STATES[one.state], one.values)

    def close(self) -> None:
        """Give the connections back."""
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
    one: Reported, distributions: Mapping[str, BaseDistribution], *, intermediate: bool = True
) -> FrozenTrial:
    """The point as a trial of Optuna's. Its multi-objective samplers refuse trials with intermediate values."""
    return optuna.trial.create_trial(
        state=_STATES[one.state],
        values=None if one.values is None else list(one.values),
        params=dict(one.point),
        distributions=dict(distributions),
        user_attrs={"point": one.number, **one.attributes},
        intermediate_values=dict(one.rungs) if intermediate else {},
    )
