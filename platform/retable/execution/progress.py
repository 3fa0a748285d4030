"""Progress of a running trial, from its metrics log while it is written."""

from dataclasses import dataclass, field
from pathlib import Path

from retable.metrics.protocol import Protocol, in_print
from retable.store import metrics_log
from retable.trial.config import TrialConfig
from retable.trial.partitions import PartitionedConfig


@dataclass
class TrialProgress:
    """Iteration, speed and scores of a running trial; `refresh` reads the new lines of its metrics log.

    Attributes:
        folder: the trial's folder.
        attempt: the attempt that runs now; it started where earlier ones ended.
        iteration: the last one that was written.
        started_at: the last one of earlier attempts.
        began: whether the attempt itself has written anything.
        speed: the last logged iterations per second.
        scores: the last evaluation's, by metric family.
    """

    folder: Path
    attempt: int
    iteration: int = 0
    started_at: int = 0
    began: bool = False
    iterations_per_second: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    _position: metrics_log.Position | None = None

    def refresh(self) -> None:
        """Read the lines that were written since the last call."""
        points, self._position = metrics_log.read(self.folder, self._position)
        for point in points:
            self.iteration = max(self.iteration, point.iteration)
            if point.attempt < self.attempt:
                self.started_at = self.iteration
            else:
                self.began = True
            if point.value is None:
                continue
            if point.key == "iterations_per_second":
                self.iterations_per_second = point.value
            elif point.kind == "evaluation":
                self.scores[Protocol.parse(point.key).family] = point.value

    @property
    def done(self) -> int:
        """Iterations of this attempt."""
        return self.iteration - self.started_at

    def text(self, config: TrialConfig) -> str:
        """The trial's phase, speed and last scores, in text.

        Args:
            config: the trial's.
        """
        total = config.iterations
        scores = " ".join(f"{in_print(family)} {value:.3g}" for family, value in sorted(self.scores.items()))
        if isinstance(config, PartitionedConfig) and not scores:
            return config.progress(self.folder) or "starting its workers"
        if total == 0:
            return scores or "scoring"
        if not self.began:
            return "starting its workers"
        if self.iteration >= total:
            return f"final evaluation  {scores}"
        speed = (
            f"{self.iterations_per_second:,.0f}"
            if self.iterations_per_second >= 10
            else f"{self.iterations_per_second:.2g}"
        )
        return f"{speed} it/s  {scores}" if self.iterations_per_second else scores
