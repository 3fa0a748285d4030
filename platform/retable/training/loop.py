"""The only training loop: restore, step, log, snapshot, evaluate, stop. It knows no GAN."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import torch

from retable.data.samples.split import BATCHES
from retable.io.media import grid_mp4, strip_png
from retable.store import checkpoint
from retable.store.formats.layout import TrialFolder
from retable.store.formats.result import Finished
from retable.store.metrics_log import Kind, MetricsLog
from retable.training.progress import Progress
from retable.training.result import peak_memory_mb, write_result
from retable.trial.distributed import Workers
from retable.trial.learner import Learner, Score
from retable.trial.partitions import PartitionedLearner
from retable.trial.run import Run, WorkerThroughput
from retable.trial.trial import Trial

LOG_EVERY = 10
"""Iterations between two readings of the losses; each reading waits for the device."""

SLOW_SECONDS = 0.5
"""After a step that takes longer, the loop checks whether it is to stop: some clouds give half a minute's notice."""


def train(trial: Trial, run: Run, *, split: int = 1) -> str:
    """Train a trial to its end, from its newest checkpoint if there is one. Every rank of the worker group calls it.

    Rank 0 writes into the trial's folder: the metrics log, checkpoints, samples, and at the end the result.

    Args:
        split: parts that each micro-batch is cut into to save memory. The batch of an update stays the same, but batch
            statistics are those of a part; so the result records from which iteration on.

    Returns:
        ``done``, ``collapsed`` (a loss, a weight or a sample was not finite; the best snapshot before it is the result), or
        ``stopped`` (on request; a checkpoint was saved, or some pieces are done, and the next attempt goes on from there).

    Raises:
        ValueError: the batch can't be shared among the workers.
        retable.store.checkpoint.Fenced: the attempt was replaced by a later one.
    """
    if run.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(run.device)
    torch.set_flush_denormal(True)  # denormal numbers slow a collapsing GAN many times over
    try:
        return _Loop(trial, run, split).train()
    finally:
        torch.set_flush_denormal(False)  # it holds for the whole process, which may not be ours


class _Loop:
    def __init__(self, trial: Trial, run: Run, split: int) -> None:
        self.trial, self.run, self.split = trial, run, split
        self.config = replace(trial.config, accumulate=trial.config.accumulate * split)
        self.workers = Workers(run.rank, run.world_size, run.device)
        self.workers.indices(self.config.batch_size, self.config.accumulate)  # refuses before any compute
        self.learner: Learner = self.config.build(trial.seed, run, self.workers)
        self.progress = Progress()
        self.metrics_log = MetricsLog(run.folder, run.attempt) if run.rank == 0 else None
        self.slow = False

    def train(self) -> str:
        try:
            if self.config.iterations == 0:
                return self._score()
            iteration = self._restore()
            self.progress.cut(iteration, self.split)
            if iteration == 0:
                self._log(0, self._evaluate(0, final=False), "evaluation")  # scores of an untrained model
            while iteration < self.config.iterations:
                iteration, finite = self._steps(iteration, self._next_stop(iteration))
                if not finite:
                    return self._end(iteration, "collapsed")
                snapshot = iteration % self.config.snapshot_every == 0 or iteration == self.config.iterations
                if snapshot and not self._snapshot(iteration):
                    return self._end(iteration, "collapsed")
                if iteration < self.config.iterations and self._stopping():
                    self._save(iteration)
                    return "stopped"
            return self._end(iteration, "done")
        finally:
            if self.metrics_log is not None:
                self.metrics_log.close()

    def _next_stop(self, iteration: int) -> int:
        """The next iteration at which the losses are read: a multiple of LOG_EVERY, a snapshot, the end."""
        every = self.config.snapshot_every
        return min(
            iteration + LOG_EVERY - iteration % LOG_EVERY,
            iteration + every - iteration % every,
            self.config.iterations,
        )

    def _stopping(self) -> bool:
        return self.workers.agree(self.run.should_stop())

    def _steps(self, iteration: int, until: int) -> tuple[int, bool]:
        """Train iterations iteration..until-1, or fewer on a request to stop, and read their last losses.

        Returns:
            The next iteration, and whether all of those losses are finite.
        """
        with self.progress.timed("train_seconds"):
            started, waited = time.monotonic(), BATCHES.seconds
            for at in range(iteration, until):
                losses = self.learner.step(at)
                if self.slow and at + 1 < until and self._stopping():
                    until = at + 1
                    break
            values = self.workers.mean(losses)
        steps, seconds = until - iteration, max(time.monotonic() - started, 1e-9)
        self.slow = self.workers.agree(seconds > SLOW_SECONDS * steps)
        self._log(until, {**values, "iterations_per_second": steps / seconds}, "train")
        throughput = WorkerThroughput(
            step_seconds=seconds / steps,
            data_seconds=(BATCHES.seconds - waited) / steps,
            samples_per_second=self.config.samples_per_iteration * steps / seconds,
            memory_mb=peak_memory_mb(self.run.device),
        )
        self.run.report_throughput(until, throughput)
        return until, all(map(math.isfinite, values.values()))

    def _snapshot(self, iteration: int) -> bool:
        """Evaluate and save; False, with nothing saved, if a weight or a generated sample is not finite."""
        if not _finite(self.learner.state()):
            return False
        try:
            scores = self._evaluate(iteration, final=False)
        except FloatingPointError:  # on all ranks alike
            return False
        self.progress.history[iteration] = scores
        self.progress.seconds[iteration] = self.progress.train_seconds
        self._log(iteration, scores, "evaluation")
        self._save(iteration)
        self.run.report(iteration, scores)
        return True

    def _evaluate(self, iteration: int, *, final: bool) -> dict[str, float]:
        return {name: score.value for name, score in self._scores(iteration, final=final).items()}

    def _scores(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        before = self.progress.evaluation_seconds
        with self.progress.timed("evaluation_seconds"):
            scores = self.learner.evaluate(iteration, final=final)
        self.run.scored(iteration, scores, self.progress.evaluation_seconds - before)
        return scores

    def _save(self, iteration: int) -> None:
        if self.metrics_log is None:
            return
        self.metrics_log.flush()
        best = self.progress.best(self.learner.best)
        checkpoint.save(
            self.run.folder,
            iteration,
            {"learner": self.learner.state(), "progress": self.progress.state()},
            signature=self.trial.signature,
            attempt=self.run.attempt,
            metrics=self.progress.history.get(iteration, {}),
            best=best,
        )
        kept = {*self.config.landmarks(), *(() if best is None else (best,))}
        checkpoint.prune(self.run.folder, keep=2, keep_iterations=kept)
        self.run.saved()

    def _restore(self) -> int:
        """Load the newest sound checkpoint; rank 0 chooses it for all."""
        newest = None
        if self.run.rank == 0:
            found = checkpoint.newest(self.run.folder, self.trial.signature)
            newest = found.iteration if found else None
        iteration = self.workers.from_first(-1 if newest is None else newest)
        if iteration < 0:
            return 0
        self._load(iteration)
        return iteration

    def _load(self, iteration: int) -> None:
        self.run.fetch()
        saved = checkpoint.at(self.run.folder, iteration, self.trial.signature)
        state = checkpoint.load(saved, self.run.device)
        self.learner.load_state(state["learner"])
        self.progress = Progress.of(state["progress"])

    def _end(self, iteration: int, state: Finished) -> str:
        """Write the best snapshot's full scores and samples, then the result, which makes the trial finished."""
        best = self.progress.best(self.learner.best)
        scores: Mapping[str, Score] = {}
        if best is not None:
            progress = self.progress
            self._load(best)
            self.progress = progress
            scores = self._scores(best, final=True)
            self._picture(best)
        return self._result(iteration, state, best, scores)

    def _score(self) -> str:
        """Write the scores and samples of a model that other trials trained, or of pieces once all are done."""
        if isinstance(self.learner, PartitionedLearner):
            for piece in self.learner.partitions.missing():
                if self._stopping():
                    return "stopped"
                self.learner.partitions.write(piece)
        try:
            scores = self._scores(0, final=True)
        except FloatingPointError:  # on all ranks alike
            return self._result(0, "collapsed", None, {})
        self._picture(0)
        return self._result(0, "done", 0, scores)

    def _result(self, iteration: int, state: Finished, best: int | None, scores: Mapping[str, Score]) -> str:
        pieces = self.learner.partitions.seconds() if isinstance(self.learner, PartitionedLearner) else 0.0
        if self.metrics_log is not None:
            self._log(iteration, {name: score.value for name, score in scores.items()}, "evaluation")
            write_result(
                self.trial,
                self.config,
                self.run,
                self.progress,
                state,
                iteration=iteration,
                best=best,
                best_by=self.learner.best,
                scores=scores,
                pieces_seconds=pieces,
            )
        return state

    def _picture(self, iteration: int) -> None:
        clips = self.learner.samples() if self.run.rank == 0 else None
        if clips is not None:
            folder = TrialFolder(self.run.folder).samples
            grid_mp4(clips, folder / f"{iteration:08d}.mp4")
            strip_png(clips[:8], folder / f"{iteration:08d}.png")

    def _log(self, iteration: int, metrics: Mapping[str, float], kind: Kind) -> None:
        if self.metrics_log is not None:
            self.metrics_log.write(iteration, metrics, kind=kind)


def _finite(state: object) -> bool:
    """True if every floating tensor in nested state is finite."""
    if isinstance(state, torch.Tensor):
        return not state.is_floating_point() or bool(torch.isfinite(state).all())
    if isinstance(state, Mapping):
        return all(_finite(value) for value in state.values())
    return not isinstance(state, list | tuple) or all(_finite(value) for value in state)
