"""What is trained once: a config × a seed × a data set, and what its signature is made of. No torch, no Ray."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from retable.trial.identity import Label

if TYPE_CHECKING:
    from retable.data.scan.catalog import Catalog
    from retable.figures.trained_trial import TrainedTrial
    from retable.trial.distributed import Workers
    from retable.trial.figures import Figure
    from retable.trial.learner import Learner
    from retable.trial.run import Run
    from retable.trial.step_cost import StepCost


@dataclass(frozen=True, kw_only=True)
class TrialConfig:
    """What defines a trial scientifically. Machine knobs (workers, GPUs, paths) are never fields of it.

    Fields hold plain data. One that is added later is an `retable.trial.identity.option`, or every signature changes.

    Attributes:
        iterations: generator updates.
        batch_size: samples in one update, over all workers.
        accumulate: micro-batches that one update is split into; batch statistics are those of a micro-batch,
            so it changes numbers and belongs here.
        snapshot_every: iterations between two snapshots (a checkpoint with its metrics).
    """

    trainable: ClassVar[str]
    least_iterations: ClassVar[int] = 1
    epoch: ClassVar[int] = (
        0  # real samples that the family's paper calls one; 0 where it counts in iterations
    )
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
        """This config with every field that cannot matter set to one agreed value."""
        return self

    def labels(self) -> Mapping[str, Label]:
        """Flat parameters in the paper's words, for tables, published numbers and the tracker."""
        return {"iterations": self.iterations, "batch_size": self.batch_size}

    def requires(self) -> tuple["TrialConfig", ...]:
        """Configs of the trials that must be finished first, such as the classifier behind IS and FID."""
        return ()

    def with_iterations(self, iterations: int) -> Self:
        """This config trained for that many iterations."""
        return replace(self, iterations=iterations)

    def bound_to_iterations(self) -> str:
        """What of the training depends on `iterations`, such as a rate that decays over them; empty if nothing does.

        Where it is empty, a longer training goes on from the checkpoint of a shorter one.
        """
        return f"{type(self).__name__} does not say that its training is the same whatever its iterations"

    def with_classifier(self, file: Path) -> Self:
        """This config scored by a classifier whose weights the user brings, in the place of the one it requires.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no classifier that can score it.
        """
        raise ValueError(f"a {self.trainable} is not scored by a classifier; leave --classifier out")

    def with_encoder(self, file: Path) -> Self:
        """This config over the codes of an autoencoder that the user brings, in the place of the one it requires.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no autoencoder whose codes this config can learn.
        """
        raise ValueError(f"a {self.trainable} learns no codes; leave --encoder out")

    def follows(self) -> tuple["TrialConfig", ...]:
        """As `requires`, but trained with the trial's own seed: what this trial goes on from, or scores."""
        return ()

    @property
    def fed(self) -> int:
        """Real samples that an iteration is fed."""
        return self.batch_size

    @property
    def needs_frames(self) -> int:
        """Frames that a video must have for this config to train on it."""
        return 1

    def cost_key(self) -> Mapping[str, object] | None:
        """Everything that `step_cost` depends on, JSON-ready: configs with the same key are counted once.

        None where the family can't tell what it costs.
        """
        return None

    def step_cost(self) -> "StepCost":
        """What an update costs. Called where `cost_key` is not None; imports torch only when called.

        Raises:
            ValueError: no network can be built from this config.
        """
        raise NotImplementedError(f"{type(self).__name__} has a cost_key, so it must define step_cost")

    def incompatibility(self, catalog: "Catalog") -> str:
        """Why it can't be trained on that data set, though its files can be used; empty if it can."""
        return ""

    def prepare(self, data: Path, progress: Callable[[int, int], None] | None = None) -> str:
        """Bring the data set into the form that training reads; called on the driver before any worker starts.

        Args:
            data: root of the data set.
            progress: told (done, in all).

        Returns:
            What the user should know, such as files that are skipped; empty if nothing.

        Raises:
            retable.data.decode.errors.DataError: the data set can't be trained on.
        """
        return ""

    def build(self, seed: int, run: "Run", workers: "Workers") -> "Learner":
        """The learner of this config on this worker. Imports torch only when called.

        Args:
            seed: the trial's training seed.
            run: where the data set and the required trials lie.
            workers: the worker group that trains together.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build")

    def figures(
        self, finished: "TrainedTrial", samples: int, progress: Callable[[int, int], None]
    ) -> Iterable["Figure"]:
        """What can be shown of a finished trial of this config, drawn one after the other; nothing by default.

        The first film, if there is one, stands for the trial beside others. Imports torch only when called.

        Args:
            finished: where its weights are.
            samples: generated samples behind a measured curve.
            progress: told (done, in all).
        """
        return ()

    @classmethod
    def together(
        cls, finished: Sequence["TrainedTrial"], progress: Callable[[int, int], None]
    ) -> Iterable["Figure"]:
        """What can be shown of several finished trials of this class beside each other; nothing by default.

        Args:
            finished: two trials of a study or more, in the order of its tables.
            progress: told (done, in all).
        """
        return ()

    def landmarks(self) -> Collection[int]:
        """Iterations whose snapshots keep their weights beside the best and the newest ones; none by default."""
        return ()


C = TypeVar("C", bound=TrialConfig)
