"""Minutes for an epoch, a metric of the machine: extrapolated from the mean throughput of a trial's own steps."""

import re
from dataclasses import replace

from retable.metrics.protocol import Protocol
from retable.report.results.load import Result
from retable.trial.config import TrialConfig
from retable.trial.learner import Score

FAMILY = "minutes"
LEAST = 20
"""Smallest number of iterations that an epoch is extrapolated from."""


def with_minutes(outcome: Result, config: TrialConfig) -> Result:
    """The result with the minutes of an epoch among its scores, if the config defines an epoch.

    The minutes are the training time divided by the real samples of all training steps, times the samples of an epoch.
    The protocol names the device (a CPU with its threads) and the number of workers, so that minutes of different
    machines are never subtracted.
    """
    throughput = outcome.throughput
    if not config.epoch or throughput is None or throughput.seconds is None or throughput.iteration < LEAST:
        return outcome
    protocol = Protocol(
        family=FAMILY,
        samples=config.epoch,
        data="",
        resize="",
        device=re.sub(r"[^a-z0-9]+", "-", throughput.device.lower()).strip("-"),
        workers=throughput.workers or 1,
    )
    minutes = throughput.seconds / config.samples_per_iteration * config.epoch / 60
    return replace(outcome, scores={**outcome.scores, protocol.name: Score(minutes)})
