"""All of the paper's studies as one plan: each training once."""

from collections import Counter
from pathlib import Path

from retable.costs import CostBook
from retable.forecast import StepCost
from retable.plan import make_plan
from retable.planning import look_ahead
from retable.pricing import Machine
from retable.trial import TrialConfig
from studies import conditional_ablation, subsampling_ablation


class Uncounted(CostBook):
    def of(self, config: TrialConfig) -> StepCost | None:
        return None


def test_tables_2_to_12_are_41_trainings(tmp_path: Path) -> None:
    studies = subsampling_ablation.STUDY, conditional_ablation.STUDY
    plans = [make_plan(study, study.scales["paper"], "0123456789abcdef") for study in studies]
    outlook = look_ahead(plans, tmp_path, {}, Machine(), book=Uncounted(tmp_path))
    assert outlook.invalid == ()
    trained = Counter(one.planned.trial.config.trainable for one in outlook.trials)
    # The 35 of Tables 2 to 6 and 9 to 12, of which the paper has no number for two (naive, 64 and 128 clips), and the
    # conditional models of Tables 7 and 8: two strides at three batch sizes.
    assert trained == {"video_gan": 35 + 6, "c3d": 1}
    several = {one.tables for one in outlook.trials if {"5", "7"} <= set(one.tables)}
    assert several == {
        ("2", "4", "5", "6", "7", "8"),
        ("5", "6", "9", "7", "8"),
        ("5", "6", "10", "7", "8"),
        ("5", "6", "7", "8"),
    }
