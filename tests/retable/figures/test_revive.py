"""A trial comes back from its JSON, or not at all."""

import json
from dataclasses import replace
from typing import Any

import pytest

from retable.data.decode.spec import ClipSpec, FaceSpec
from retable.evaluation.config import Evaluation
from retable.figures.revive import known_configs, revived
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial
from studies.subsampling_ablation import STUDY
from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.c3d.pretrained import PretrainedC3D
from trainables.classifiers.c3d.scales import PAPER, SMALL
from trainables.video_gan.config import VideoGANConfig

BASE = VideoGANConfig(evaluation=Evaluation(classifier=PAPER))


def through_json(trial: Trial) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps({"name": "a name", **trial.identity}))
    return found


@pytest.mark.parametrize(
    "config",
    [
        BASE,
        SMALL,
        replace(BASE, lam=10.0, lr=3e-5, lr_decay=False, beta1=0.5),
        replace(BASE, conditional=True, classes=10),
        replace(BASE, resolution=256, data=FaceSpec(smooth=3)),
        replace(BASE, evaluation=Evaluation(classifier=SMALL, samples=64), data=ClipSpec(flip=False)),
        replace(BASE, evaluation=Evaluation(classifier=PretrainedC3D(weights="0f" * 32, classes=101))),
        *(STUDY.scales["smoke"].shrink(row.config) for row in STUDY.table("10").rows if row.config),
    ],
)
def test_a_trial_comes_back_from_its_identity(config: TrialConfig) -> None:
    trial = Trial(config.canonical(), 3, "00ff")
    back = revived(through_json(trial), trial.signature)
    assert back == trial
    assert type(back.config) is type(config)


def test_all_families_are_known() -> None:
    assert {VideoGANConfig, C3DConfig} <= set(known_configs())


@pytest.mark.parametrize(
    "change",
    [{"trainable": "os"}, {"seed": 4}, {"data": "ff00"}, {"config": {"iterations": 3}}, {"config": "text"}],
)
def test_what_does_not_hash_to_the_signature_is_refused(change: dict[str, object]) -> None:
    trial = Trial(BASE.canonical(), 3, "00ff")
    with pytest.raises(ValueError, match=f"trial {trial.signature} .* among .*c3d, .*video_gan"):
        revived({**through_json(trial), **change}, trial.signature)


def test_a_field_of_a_later_version_is_refused() -> None:
    trial = Trial(BASE.canonical(), 3, "00ff")
    identity = through_json(trial)
    identity["config"]["colour"] = True
    with pytest.raises(ValueError, match="by another version"):
        revived(identity, trial.signature)
