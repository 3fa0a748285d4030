"""All of the paper's studies as one plan: each training once."""

from collections import Counter
from pathlib import Path

from retable.costs.cache import CostCache
from retable.planning.duration import Machine
from retable.planning.estimate import estimate
from retable.planning.plan import make_plan
from retable.trial.config import TrialConfig
from retable.trial.step_cost import StepCost
from studies import conditional_ablation, subsampling_ablation


class Uncounted(CostCache):
    def of(self, config: TrialConfig) -> StepCost | None:
        return None


def test_tables_2_to_12_are_41_trainings(tmp_path: Path) -> None:
    studies = subsampling_ablation.STUDY, conditional_ablation.STUDY
    plans = [make_plan(study, study.scales["paper"], "0123456789abcdef") for study in studies]
    forecast = estimate(plans, tmp_path, {}, Machine(), costs=Uncounted(tmp_path))
    assert forecast.invalid == ()
    trained = Counter(one.planned.trial.config.trainable for one in forecast.trials)
    # 37 that the paper printed numbers of, 6 of them conditional (Tables 7 and 8: two strides at three batch sizes); naive
    # at 64 and 128 clips, which it has no numbers for; and Table 11's two baselines at 16 clips, as its text says, where
    # it printed those of 8 clips again (Table 2).
    assert trained == {"video_gan": 35 + 6, "c3d": 1}
    several = {one.tables for one in forecast.trials if {"5", "7"} <= set(one.tables)}
    assert several == {
        ("2", "4", "5", "6", "7", "8"),
        ("5", "6", "9", "7", "8"),
        ("5", "6", "10", "7", "8"),
        ("5", "6", "7", "8"),
    }
