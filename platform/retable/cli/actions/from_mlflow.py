"""Results loaded from MLflow, without the folder of results."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from retable.report.results.load import Result, parse_results
from retable.tracking.mlflow import Tracker
from retable.tracking.runs import TrackedTrial, default_uri


@dataclass(frozen=True)
class MlflowResults:
    """The trials of one study at one scale, over one data set.

    Attributes:
        data: the data set's fingerprint.
    """

    data: str
    trials: Mapping[str, TrackedTrial]

    def outcomes(self, signatures: Iterable[str]) -> dict[str, Result]:
        """The outcomes of the trials, as `retable.report.results.load.load_results` has it."""
        trials = self.trials.values()
        return parse_results(
            {trial.signature: trial.result for trial in trials if trial.result is not None},
            signatures,
            {trial.signature: trial.state for trial in trials},
            {trial.signature: trial.message for trial in trials},
            {trial.signature: trial.run for trial in trials},
        )


def load_from_mlflow(study: str, scale: str, results: Path, uri: str) -> MlflowResults:
    """The trials of a study at a scale that MLflow has; of a trial that was trained in several places, the latest result.

    Args:
        results: folder of results, for its own database where the URI is empty.
        uri: the tracker's; empty for MLFLOW_TRACKING_URI, or the database in `results`.

    Raises:
        ValueError: there is no such database, or it holds nothing of the study, or trials over different data sets.
    """
    uri = uri or default_uri(results)
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise ValueError(f"MLflow's database {uri} does not exist; name another (--from-mlflow URI)")
    with TemporaryDirectory() as nothing:  # a tracker keeps the locks of its writing in its folder of results
        tracker = Tracker(uri, study, Path(nothing))
        trials: dict[str, TrackedTrial] = {}
        for trial in tracker.trials(study, scale):
            if trial.result is not None or trial.signature not in trials:
                trials[trial.signature] = trial
    data = {trial.data for trial in trials.values()}
    if len(data) != 1:
        found = f"trials over {len(data)} data sets ({', '.join(sorted(data))})" if data else "no trial"
        raise ValueError(
            f"MLflow at {tracker.place} must hold trials of {study} at scale {scale} over one data set, but has {found}; "
            "name the tracker (--from-mlflow URI) and the scale (--scale) that they were trained at"
        )
    return MlflowResults(data.pop(), trials)
