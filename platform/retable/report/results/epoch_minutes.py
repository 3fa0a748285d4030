"""Minutes for an epoch at the speed of a trial's own steps: a number of the machine, shown in tables as any other."""

import re
from dataclasses import replace

from retable.metrics.protocol import Protocol
from retable.report.results.load import Result
from retable.trial.config import TrialConfig
from retable.trial.learner import Score

FAMILY = "minutes"
LEAST = 20
"""Iterations that an epoch is extrapolated from, at least."""


def with_minutes(outcome: Result, config: TrialConfig) -> Result:
    """The outcome with the minutes of an epoch among its scores, if its family counts in epochs.

    They are the wall seconds of all its training steps over the real samples that those were fed, times the samples of
    an epoch. The protocol names the device, of a CPU with its threads, and the number of workers, so that no two machines'
    minutes are subtracted.
    """
    speed = outcome.speed
    if not config.epoch or speed is None or speed.seconds is None or speed.iteration < LEAST:
        return outcome
    protocol = Protocol(
        family=FAMILY,
        samples=config.epoch,
        data="",
        resize="",
        device=re.sub(r"[^a-z0-9]+", "-", speed.device.lower()).strip("-"),
        workers=speed.workers or 1,
    )
    minutes = speed.seconds / config.samples_per_iteration * config.epoch / 60
    return replace(outcome, scores={**outcome.scores, protocol.name: Score(minutes)})
