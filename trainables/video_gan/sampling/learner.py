"""Learners that score trained generators, and real clips in their place."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from retable.data.samples.clips import Clips, to_model, to_uint8
from retable.store.trained import trained
from retable.trial.distributed import Workers
from retable.trial.learner import Score
from retable.trial.run import Run
from retable.trial.scoring import Scoring
from retable.trial.trial import Trial
from trainables.parts.standing import standing_statistics
from trainables.video_gan.evaluators import evaluator, scored_frames
from trainables.video_gan.networks import build_generator
from trainables.video_gan.random_draws import labels, noise
from trainables.video_gan.sampling.config import RealClipsConfig, SamplingConfig

BATCH = 16
PREVIEW = 36


class VideoGANSampler(Scoring):
    """A trained generator that samples as its config says."""

    def __init__(self, config: SamplingConfig, seed: int, run: Run, workers: Workers) -> None:
        self.config, self.seed, self.run, self.workers = config, seed, run, workers
        of = Trial(config.of.canonical(), seed, run.fingerprint)
        state = trained(run.required(of.signature)).state(workers.device)
        self.generator = build_generator(config.of).to(workers.device).eval()
        self.generator.load_state_dict(state["generator"])
        self.clips = Clips(run.data, config.of.data, "train", seed)
        self.label_pool = (
            range(config.of.classes) if config.protocol.labels == "uniform" else self.clips.labels
        )
        if config.truncation is not None:
            standing_statistics(
                self.generator,
                lambda: [self._generate("standing", 0, batch) for batch in _batches(config.standing)],
            )

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """IS and FID of the last frames of dense videos, from the noise that the training's own evaluation has."""
        del iteration
        metrics = evaluator(self.config.protocol, self.clips, self.run, self.workers)
        return metrics.scores(
            lambda indices, repeat: self._generate("evaluation", repeat, indices), final=final
        )

    def samples(self) -> np.ndarray:
        """36 clips, uint8 (36, T, 3, H, W): the first of the evaluation's."""
        videos = [to_uint8(self._generate("evaluation", 1, batch)).cpu() for batch in _batches(PREVIEW)]
        return torch.cat(videos).numpy()

    def _generate(self, purpose: str, position: int, indices: Sequence[int]) -> Tensor:
        config, device = self.config, self.workers.device
        z_NZ = noise(self.seed, f"{purpose}-z", position, indices, config.of.z_dim) * (config.truncation or 1)
        labels_N = None
        if config.of.conditional:
            labels_N = labels(self.seed, f"{purpose}-label", position, indices, self.label_pool).to(device)
        frames = config.frames or config.of.frames
        videos = self.generator.generate(z_NZ.to(device), labels_N, level=config.level, frames=frames)
        return videos[:, :, -scored_frames(config.protocol, config.of.frames) :]


class RealClips(Scoring):
    """Random clips of the test split in the place of generated ones."""

    def __init__(self, config: RealClipsConfig, seed: int, run: Run, workers: Workers) -> None:
        del seed  # the clips are the same for every model
        self.of, self.run, self.workers = config.of, run, workers
        self.held_out = Clips(run.data, self.of.data, "test", 0)

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """IS of held-out clips, and their FID to the train split."""
        del iteration
        clips = Clips(self.run.data, self.of.data, "train", 0)
        metrics = evaluator(self.of.evaluation, clips, self.run, self.workers)
        return metrics.scores(self._clips, final=final)

    def samples(self) -> np.ndarray:
        """36 of them, uint8 (36, T, 3, H, W)."""
        return self.held_out.batch(0, range(PREVIEW))[0].numpy()

    def _clips(self, indices: Sequence[int], repeat: int) -> Tensor:
        return to_model(self.held_out.batch(repeat, indices)[0].to(self.workers.device))


def _batches(count: int) -> list[range]:
    return [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
