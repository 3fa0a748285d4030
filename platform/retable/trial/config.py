"""Config of a trial: what is trained once, with a seed on a data set, and what its signature is made of. No torch, no Ray."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeVar

from retable.trial.entry_points import CostFunction, LearnerType, resolve
from retable.trial.identity import Label
from retable.trial.learner import Learner
from retable.trial.run import Run
from retable.trial.step_cost import StepCost

if TYPE_CHECKING:
    from retable.trial.distributed import Workers


@dataclass(frozen=True, kw_only=True)
class DataNeeds:
    """Requirements of a config on its data set, compared with a scan before anything is decoded; the default is none.

    Attributes:
        kind: of the files; None accepts either.
        frames: minimum length of a video. A shorter one is skipped.
        size: minimum of an image's shorter side, in pixels. A smaller one is skipped.
        class_names: classes that must be there; empty for any.
        classes: minimum number of classes.
        remedy: what to do about too few classes.
    """

    kind: Literal["image", "video"] | None = None
    frames: int = 1
    size: int = 1
    class_names: tuple[str, ...] = ()
    classes: int = 0
    remedy: str = ""


ANY_DATA = DataNeeds()


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """Scientific definition of a trial. Machine knobs (workers, GPUs, paths) are never fields of it.

    Fields hold plain data. One that is added later is an `retable.trial.identity.option`, or every signature changes.

    A subclass names its learner, its costs and its figures as text, ``package.module:name``, in class variables; they are
    imported when they are first needed (`retable.trial.entry_points`).

    Attributes:
        trainable: name of the kind of trial; part of the signature.
        learner: class or function of (config, seed, run, workers) that returns the learner on a worker.
        costs: function of a config that counts its `StepCost`; needed where `cost_key` is not None.
        figures: function of (finished trial, samples, progress) that yields figures of a trial; empty for none.
        joint_figures: function of (finished trials, progress) that yields figures of several trials; empty for none.
        least_iterations: smallest `iterations`.
        epoch: real samples in an epoch of the family's paper; 0 where it counts in iterations.
        iterations: generator updates.
        batch_size: samples in one update, over all workers.
        accumulate: micro-batches in one update; batch statistics are those of a micro-batch, so it changes numbers and
            belongs here.
        snapshot_every: iterations between two snapshots (a checkpoint with its metrics).
    """

    trainable: ClassVar[str]
    learner: ClassVar[str] = ""
    costs: ClassVar[str] = ""
    figures: ClassVar[str] = ""
    joint_figures: ClassVar[str] = ""
    least_iterations: ClassVar[int] = 1
    epoch: ClassVar[int] = 0
    iterations: int
    batch_size: int
    accumulate: int = 1
    snapshot_every: int

    def __post_init__(self) -> None:
        minimum = {"iterations": self.least_iterations, "batch_size": 1, "accumulate": 1, "snapshot_every": 1}
        for name, least in minimum.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but got {getattr(self, name)}")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate must divide batch_size, but got accumulate={self.accumulate} and batch_size={self.batch_size}"
            )

    def canonical(self) -> Self:
        """Return this config with every field that cannot matter at one agreed value."""
        return self

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters in the paper's words, for tables, published numbers and the tracker."""
        return {"iterations": self.iterations, "batch_size": self.batch_size}

    def requires(self) -> tuple["TrialConfig", ...]:
        """Configs of the trials that must be finished first at seed 0, such as the classifier behind IS and FID."""
        return ()

    def with_iterations(self, iterations: int) -> Self:
        """Return this config with that many iterations."""
        return replace(self, iterations=iterations)

    def bound_to_iterations(self) -> str:
        """Reason against extending the training, such as a learning rate that decays over `iterations`; empty if there is none.

        An extended training continues from the checkpoint of a shorter one.
        """
        return f"{type(self).__name__} does not say that its training is the same whatever its iterations"

    def with_classifier(self, file: Path) -> Self:
        """Return a copy that is evaluated with the user's pretrained classifier.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no classifier for this evaluation.
        """
        raise ValueError(f"a {self.trainable} is not scored by a classifier; leave --classifier out")

    def with_encoder(self, file: Path) -> Self:
        """Return a copy that learns the codes of the user's pretrained autoencoder.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no autoencoder whose codes this config can learn.
        """
        raise ValueError(f"a {self.trainable} learns no codes; leave --encoder out")

    def follows(self) -> tuple["TrialConfig", ...]:
        """Configs of the trials that must be finished first at this trial's own seed, such as the one that is scored."""
        return ()

    @property
    def samples_per_iteration(self) -> int:
        """Real samples that one iteration trains on."""
        return self.batch_size

    @property
    def needs(self) -> DataNeeds:
        """Requirements on the data set."""
        return ANY_DATA

    def cost_key(self) -> Mapping[str, object] | None:
        """Everything that `step_cost` depends on, JSON-ready: configs with the same key are counted once.

        None where the family counts no cost.
        """
        return None

    def step_cost(self) -> StepCost:
        """Cost of an update, counted by the function that `costs` names. Called where `cost_key` is not None.

        Raises:
            ValueError: no network can be built from this config.
        """
        if not self.costs:
            raise NotImplementedError(
                f"{type(self).__name__} has a cost_key, so it must name the function that counts its costs: "
                "costs: ClassVar[str] = 'package.module:name'"
            )
        count: CostFunction = resolve(type(self), "costs")
        return count(self)

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Decode the data set into the form that training reads; called on the driver before any worker starts.

        Args:
            data: root of the data set.
            progress: called with (done, total).

        Returns:
            A notice for the user, such as files that are skipped; empty if there is none.

        Raises:
            retable.data.decode.errors.DataError: the data set can't be trained on.
        """
        return ""

    def build(self, seed: int, run: Run, workers: "Workers") -> Learner:
        """Return the learner of this config on this worker: what `learner` names. It imports torch.

        Args:
            seed: the trial's training seed.
            run: paths of the data set and of the required trials.
            workers: the worker group that trains together.
        """
        if not self.learner:
            raise NotImplementedError(
                f"{type(self).__name__} must name its learner: learner: ClassVar[str] = 'package.module:name'"
            )
        create: LearnerType = resolve(type(self), "learner")
        return create(self, seed, run, workers)

    def landmarks(self) -> Collection[int]:
        """Iterations whose snapshots keep their weights beside the best and the newest ones; none by default."""
        return ()


C = TypeVar("C", bound=TrialConfig)
