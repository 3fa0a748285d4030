"""A trained model sampled in other ways, through the plan: trained once, scored many times."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from retable.data.decode.spec import ClipSpec
from retable.data.embedded.clips import ensure_embedded
from retable.evaluation.config import Evaluation
from retable.metrics.protocol import Protocol
from retable.trial.config import TrialConfig
from retable.trial.trial import Trial
from tests.trainables.trained_plan import Outcome, outcome_of
from trainables.classifiers.c3d.scales import SMALL
from trainables.parts.standing import standing_statistics
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.networks import build_generator
from trainables.video_gan.sampling.config import RealClipsConfig, SamplingConfig

SEED = 3
JUDGE = replace(
    SMALL, iterations=2, snapshot_every=2, batch_size=4, widths=(2, 2, 3, 3, 4, 4, 4, 4), fc=6, dropout=0.5
)
OF = VideoGANConfig(
    iterations=2,
    batch_size=2,
    snapshot_every=2,
    resolution=16,
    z_dim=6,
    base_channels=2,
    clstm_channels=4,
    d_channels=2,
    data=ClipSpec(size=16),
    evaluation=Evaluation(classifier=JUDGE, samples=8, repeats=2, snapshot_samples=4, real_passes=1),
)
AS_TRAINED = SamplingConfig(of=OF)
TOLD = replace(OF, conditional=True, classes=10, evaluation=replace(OF.evaluation, labels="uniform"))
VARIANTS: dict[str, TrialConfig] = {
    "trained": OF,
    "trained, conditional": TOLD,
    "as trained, conditional": SamplingConfig(of=TOLD),
    "as trained": AS_TRAINED,
    "whole range": replace(AS_TRAINED, truncation=1.0, standing=24),
    "narrow": replace(AS_TRAINED, truncation=0.2, standing=24),
    "long": replace(AS_TRAINED, frames=20),
    "low": replace(AS_TRAINED, level=2),
    "more samples": replace(AS_TRAINED, evaluation=replace(OF.evaluation, samples=10)),
    "real": RealClipsConfig(of=OF),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("sampling")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        root = ensure_embedded(clips_per_class=2)
        yield outcome_of(VARIANTS, "is", root, folder, SEED)


def test_one_training_serves_every_variant(outcome: Outcome) -> None:
    plan = outcome.plan
    trained = [planned.trial for planned in plan.trials if planned.trial.config.iterations]
    assert [(t.config.trainable, t.seed) for t in trained] == [
        ("c3d", 0),
        ("video_gan", SEED),
        ("video_gan", SEED),
    ]
    assert len(plan.trials) == len(VARIANTS) + 1


def test_sampled_as_trained_it_has_the_trainings_own_scores(outcome: Outcome) -> None:
    for how in ("", ", conditional"):
        assert outcome.result(f"as trained{how}")["scores"] == outcome.result(f"trained{how}")["scores"]


@pytest.mark.parametrize("name", ["whole range", "narrow", "long", "low", "real"])
def test_other_ways_have_other_scores_under_the_same_protocol(outcome: Outcome, name: str) -> None:
    scores, trained = outcome.result(name)["scores"], outcome.result("trained")["scores"]
    assert scores.keys() == trained.keys()
    assert scores != trained


def test_other_sample_counts_are_other_protocols(outcome: Outcome) -> None:
    assert {Protocol.parse(name).samples for name in outcome.result("more samples")["scores"]} == {10}


@pytest.mark.usefixtures("float64")
def test_standing_statistics_are_the_mean_over_batches() -> None:
    generator = build_generator(OF).eval()
    seen: list[torch.Tensor] = []
    norm = next(module for module in generator.modules() if isinstance(module, torch.nn.BatchNorm2d))
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    batches = [torch.randn(2, OF.z_dim) for _ in range(3)]
    standing_statistics(generator, lambda: [generator.generate(z, frames=16) for z in batches])
    mean = torch.stack([x.mean(dim=(0, 2, 3)) for x in seen]).mean(0)
    var = torch.stack([x.var(dim=(0, 2, 3)) for x in seen]).mean(0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, var)
    assert not norm.training


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"truncation": 0.0}, r"truncation must be in \(0, 1\], or None, but got 0.0"),
        ({"truncation": 1.5}, "but got 1.5"),
        ({"standing": 1}, "standing must be at least 2 samples, but got 1"),
        ({"frames": 8}, "frames must be at least the 16 that are scored, but got 8"),
        ({"level": 5}, r"level must be one of the trained \(1, 2, 3, 4\), but got 5"),
        ({"iterations": 3}, "iterations must be 0 and batch_size 1 where nothing is trained"),
    ],
)
def test_what_cannot_be_sampled_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(AS_TRAINED, **wrong)


def test_real_clips_are_one_trial_for_all_models() -> None:
    one, other = (Trial(RealClipsConfig(of=of), 0, "data") for of in (OF, replace(OF, s_t=4, lr=1e-3)))
    assert one.signature == other.signature
