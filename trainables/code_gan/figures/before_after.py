"""Figures 5 to 9: samples before and after acceleration, side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from retable.figures.kinds import Sheet
from retable.store.trained import Kept, kept, learnt
from retable.trial.figures import Figure, FinishedTrial
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.figures.sampler import Sampler

COLUMNS, ROWS = 8, 3
"""Of a pair's samples: so many rows before, and as many after."""


def side_by_side(finished: Sequence[FinishedTrial], progress: Callable[[int, int], None]) -> Iterator[Figure]:
    """All GANs at their best snapshots, a row each, if they draw the same z; then each pair of before and after."""
    for size in dict.fromkeys(_config(one).resolution for one in finished):
        several = [one for one in finished if _config(one).resolution == size]
        if len(several) > 1:
            yield _rows(several, size)
    pairs = [(one, other) for other in finished for one in finished if _accelerates(one, other)]
    for done, (before, after) in enumerate(pairs, start=1):
        yield from _pair(before, after)
        progress(done, len(pairs))


def _rows(several: Sequence[FinishedTrial], size: int) -> Sheet:
    stills = np.stack([Sampler.of(one).shown(range(COLUMNS)) for one in several])
    trials = ", ".join(f"{one.trial.signature} at iteration {one.iteration:,}" for one in several)
    caption = f"{COLUMNS} samples of each GAN of {size} × {size} images at its best snapshot, not selected: {trials}."
    names = [_name(one) for one in several]
    alike = len(set(names)) < len(names)
    return Sheet(f"gans_{size}", caption, stills, [one.name for one in several] if alike else names)


def _pair(before: FinishedTrial, after: FinishedTrial) -> Iterator[Figure]:
    """At equal iterations and at equal wall time, as far as snapshots were kept."""
    snapshots = [kept(one.folder, one.trial.signature) for one in (before, after)]
    name = f"before_after_{before.trial.signature[:6]}_{after.trial.signature[:6]}"
    if both := at_equal_iterations(*snapshots):
        yield Sheet(f"{name}_iterations", *_beside(before, after, both, "equal iterations"))
    if both := at_equal_time(*snapshots):
        what = "equal wall time, as near to it as the snapshots are that were kept"
        yield Sheet(f"{name}_time", *_beside(before, after, both, what))


def at_equal_iterations(one: Sequence[Kept], other: Sequence[Kept]) -> tuple[Kept, Kept] | None:
    """The latest snapshots of the same iteration; None if there are none."""
    pairs = [(a, b) for a in one for b in other if a.snapshot.iteration == b.snapshot.iteration]
    return max(pairs, key=lambda pair: pair[0].snapshot.iteration, default=None)


def at_equal_time(one: Sequence[Kept], other: Sequence[Kept]) -> tuple[Kept, Kept] | None:
    """Kept snapshot of each trial that is nearest to the time when the first of them ended."""
    if not one or not other:
        return None
    end = min(one[-1].seconds, other[-1].seconds)
    first, second = (min(snapshots, key=lambda a: abs(a.seconds - end)) for snapshots in (one, other))
    return first, second


def _beside(
    before: FinishedTrial, after: FinishedTrial, pair: tuple[Kept, Kept], what: str
) -> tuple[str, np.ndarray, list[str]]:
    """Caption, stills and texts of a sheet: before above, after below."""
    trials = (before, after)
    stills, texts, trials_shown = [], [], []
    for when, trial, one in zip(("before", "after"), trials, pair, strict=True):
        state = learnt(one.snapshot, "cpu")
        shown = Sampler.of(trial, state).shown(range(ROWS * COLUMNS))
        stills.append(shown.reshape(ROWS, COLUMNS, *shown.shape[1:]))
        iteration, seconds = one.snapshot.iteration, one.seconds
        texts += [when, f"{iteration:,} iterations", f"{seconds:,.0f} s"]
        trials_shown.append(
            f"{when} is {trial.trial.signature} at iteration {iteration:,} after {seconds:,.1f} s"
        )
    size = _config(before).resolution
    caption = (
        f"Samples of {size} × {size} images before and after acceleration at {what}, not selected: {', '.join(trials_shown)} of "
        f"steps, {_devices(trials)}. Neither the autoencoder's own training, {_encoder_seconds(after):,.0f} s and shared, nor the "
        "storing of its codes is counted."
    )
    return caption, np.concatenate(stills), texts


def _devices(trials: Sequence[FinishedTrial]) -> str:
    """Devices that the seconds were measured on."""
    places = [one.trained_on for one in trials]
    return f"each on {places[0]}" if places[0] == places[1] else f"but on {places[0]} and {places[1]}"


def _encoder_seconds(after: FinishedTrial) -> float:
    encoder = next(one for one in after.trial.requires() if one.config.trainable == "code_autoencoder")
    return after.other(encoder).train_seconds


def _accelerates(before: FinishedTrial, after: FinishedTrial) -> bool:
    """True if the two differ in acceleration and length of training only."""
    one, other = _config(before), _config(after)
    if one.accelerate or not other.accelerate or before.trial.seed != after.trial.seed:
        return False
    same = replace(
        other, accelerate=False, iterations=one.iterations, snapshot_every=one.snapshot_every
    ).canonical()
    return before.trial.data == after.trial.data and same == one.canonical()


def _name(finished: FinishedTrial) -> str:
    config = _config(finished)
    encoder = config.encoder if config.accelerate else None
    return f"h/{encoder.code_divisor} × {encoder.code_channels}" if encoder else "images"


def _config(finished: FinishedTrial) -> CodeGANConfig:
    return cast(CodeGANConfig, finished.trial.config)
