"""Retable's metrics for Prometheus: names, labels and descriptions. Ray puts ``ray_`` before each name."""

import unicodedata
from dataclasses import dataclass

STUDY = ("study", "scale")
TRIAL = (*STUDY, "trial", "cell")
WORKER = (*TRIAL, "rank")


@dataclass(frozen=True)
class Series:
    """One metric.

    Attributes:
        labels: names of the labels. ``trial`` is a signature, ``cell`` the first table row that the trial fills.
    """

    name: str
    about: str
    labels: tuple[str, ...]


SAMPLES = Series(
    "retable_samples_per_second", "Real videos or images that a worker group reads in a second", TRIAL
)
ITERATION = Series("retable_iteration", "Generator updates so far", TRIAL)
WORKERS = Series("retable_gang_workers", "Workers that train a trial together", TRIAL)
STEP = Series("retable_step_seconds", "Seconds of an update", WORKER)
WAIT = Series("retable_data_seconds", "Seconds of an update that a worker waited for its data", WORKER)
MEMORY = Series("retable_gpu_memory_bytes", "Peak bytes of tensors on a worker's GPU", WORKER)
EVALUATION = Series("retable_evaluation_seconds", "Seconds of the last evaluation", TRIAL)
SCORE = Series(
    "retable_score", "Score of the last evaluation, by metric and protocol", (*TRIAL, "metric", "protocol")
)
TRIALS = Series("retable_trials", "Trials of a study by state", (*STUDY, "state"))
ATTEMPTS = Series(
    "retable_attempts", "Attempts that ended since the driver began, by state", (*STUDY, "state")
)
FILES = Series(
    "retable_data_files", "Files of a data set that were read, by task and outcome", ("task", "outcome")
)

GAUGES = (SAMPLES, ITERATION, WORKERS, STEP, WAIT, MEMORY, EVALUATION, SCORE, TRIALS)
COUNTERS = (ATTEMPTS, FILES)
"""Prometheus gets these with ``_total`` behind their names."""

_ASCII = str.maketrans(
    {"λ": "lambda", "×": "x", "·": ".", "–": "-", "−": "-", "⁄": "/", "“": '"', "”": '"', "’": "'"}
)


def metric_name(label: str) -> str:
    """A label's value in ASCII, as Ray requires: ``λ = ½`` becomes ``lambda = 1/2``, and unknown characters become ``?``."""
    plain = unicodedata.normalize("NFKD", label).translate(_ASCII)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode()
