"""The learner on clips made of numbers alone: what a step is, and that nothing but its keys decides it."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from retable.data.decode.spec import ClipSpec
from retable.data.samples.clips import Clips
from retable.evaluation.config import Evaluation
from retable.trial.distributed import Workers, unwrapped
from retable.trial.random import stream
from retable.trial.run import Run
from trainables.classifiers.c3d.config import C3DConfig
from trainables.parts.adam import torch_eps
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.learner import VideoGANLearner

TINY = VideoGANConfig(
    iterations=10,
    batch_size=4,
    snapshot_every=5,
    resolution=16,
    frames=8,
    z_dim=6,
    base_channels=2,
    clstm_channels=4,
    d_channels=2,
    lr=1e-2,
    data=ClipSpec(size=16, frames=8),
    evaluation=Evaluation(classifier=C3DConfig()),
)
State = Mapping[str, Tensor]


class NumberedClips:
    """Stands for retable.data.samples.clips.Clips: random pixels, keyed by iteration and index."""

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        clips = [stream(0, "clip", iteration, i).integers(0, 256, (8, 3, 16, 16), np.uint8) for i in indices]
        return torch.from_numpy(np.stack(clips)), torch.zeros(len(clips), dtype=torch.int64)


class NowhereRun:
    data = Path("/nowhere")


def learner(config: VideoGANConfig = TINY, seed: int = 0) -> VideoGANLearner:
    return VideoGANLearner(
        config, seed, cast(Run, NowhereRun()), Workers(), clips=cast(Clips, NumberedClips())
    )


def trained(config: VideoGANConfig, steps: int = 3) -> tuple[VideoGANLearner, list[dict[str, float]]]:
    model = learner(config)
    scalars = [{k: float(v) for k, v in model.step(at).items()} for at in range(steps)]
    return model, scalars


def weights(model: VideoGANLearner) -> dict[str, Tensor]:
    state = model.state()
    return {
        f"{net}.{key}": value.clone()
        for net in ("generator", "discriminator")
        for key, value in state[net].items()
    }


def equal(one: State, other: State) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_step_reports_losses_and_mean_logits() -> None:
    model, scalars = trained(TINY, 1)
    names = {f"logit_{whose}_{level}" for whose in ("real", "fake") for level in (1, 2, 3, 4)}
    assert scalars[0].keys() == {"loss_gen", "loss_dis", "loss_gp", *names}
    assert all(np.isfinite(list(scalars[0].values())))
    assert not any(value.requires_grad for value in model.step(1).values())


def test_everything_is_decided_by_seed_and_iteration() -> None:
    torch.manual_seed(1)
    one, scalars = trained(TINY)
    torch.manual_seed(2)
    np.random.default_rng(3).random()
    again, same = trained(TINY)
    assert scalars == same
    assert equal(weights(one), weights(again))
    assert not equal(weights(one), weights(learner(TINY, seed=1)))


@pytest.mark.parametrize("changes", [{}, {"spectral_norm": True, "penalty": "wgan-gp"}])
def test_a_resumed_trial_gives_the_same_bits(changes: dict[str, object]) -> None:
    config = replace(TINY, **changes)  # type: ignore[arg-type]
    whole, _ = trained(config, 4)
    first, _ = trained(config, 2)
    state = first.state()
    saved = {key: {k: _copy(v) for k, v in part.items()} for key, part in state.items()}
    resumed = learner(config)
    resumed.load_state(saved)
    resumed.step(2)
    resumed.step(3)
    assert equal(weights(whole), weights(resumed))


def _copy(value: object) -> object:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def test_both_networks_move_and_only_the_discriminator_in_later_turns() -> None:
    model = learner()
    before = weights(model)
    model._update(0, 1)
    after = weights(model)
    moved = {
        key.split(".")[0] for key in before if "weight" in key and not torch.equal(before[key], after[key])
    }
    assert moved == {"discriminator"}
    model.step(0)
    assert not torch.equal(after["generator.fc.weight"], weights(model)["generator.fc.weight"])


def test_learning_rate_decays_linearly_to_zero() -> None:
    model = learner()
    rates = []
    for at in (0, 4, 9):
        model.step(at)
        rates.append(model.generator_adam.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-2, 0.6e-2, 0.1e-2])
    constant = learner(replace(TINY, lr_decay=False))
    constant.step(9)
    assert constant.critic_adam.param_groups[0]["lr"] == 1e-2


def test_adams_eps_follows_its_own_count_of_updates() -> None:
    model = learner(replace(TINY, n_dis=3))
    for at in range(2):
        model.step(at)
    for adam, updates in ((model.generator_adam, 2), (model.critic_adam, 6)):
        (group,) = adam.param_groups
        assert {int(state["step"]) for state in adam.state.values()} == {updates}
        assert group["eps"] == torch_eps(8e-8, 0.9, updates)


def test_adam_moves_every_weight_by_the_rate_at_first() -> None:
    """β1 = 0: the first step is lr · g / (|g| + ε'), so ε must be tiny beside the gradients."""
    model = learner()
    before = weights(model)["discriminator.levels.3.linear.weight"]
    model.step(0)
    moved = (weights(model)["discriminator.levels.3.linear.weight"] - before).abs()
    assert float(moved.median()) == pytest.approx(1e-2, rel=0.01)


def test_the_penalty_is_the_papers_sum_over_its_own_batch() -> None:
    """λ Σ_i over a reference batch is λ · reference_batch times the mean, whatever our batch."""
    penalties = [
        trained(replace(TINY, lam=lam, reference_batch=size), 1)[1][0]["loss_gp"]
        for lam, size in ((0.5, 8), (4.0, 1), (0.5, 1), (0.0, 8))
    ]
    assert penalties[0] == pytest.approx(penalties[1])
    assert penalties[0] == pytest.approx(8 * penalties[2])
    assert penalties[3] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"discriminator": "3d"},
        {"discriminator": "3d", "s_t": 4},
        {"discriminator": "3d+2d"},
        {"discriminator": "3d+2d", "S1": False},
        {"loss": "eq7", "s_t": 4},
        {"pooling": "paper", "lam": 0.0},
        {"n_dis": 2, "accumulate": 2},
        {"penalty": "wgan-gp", "adversarial": "wasserstein"},
        {"penalty": "wgan-gp", "discriminator": "3d+2d"},
        {"penalty": "none"},
        {"spectral_norm": True, "d_residual": False},
        {"clstm_layers": 2, "clstm_dilation": 2, "batch_norm": False},
        {"batch_stride": 2, "accumulate": 2},
    ],
)
def test_every_variant_trains(changes: dict[str, object]) -> None:
    config = replace(TINY, **changes)  # type: ignore[arg-type]
    model, scalars = trained(config, 2)
    assert all(np.isfinite(list(scalars[-1].values())))
    assert len(scalars[-1]) == 3 + 2 * len(config.levels)
    before = weights(learner(config))
    assert all(
        not torch.equal(value, before[key])
        for key, value in weights(model).items()
        if key.startswith("discriminator.levels.0.blocks") and "weight" in key
    )


def test_no_penalty_is_a_penalty_of_no_weight() -> None:
    none, zero = (trained(replace(TINY, **change))[0] for change in ({"penalty": "none"}, {"lam": 0.0}))
    assert equal(weights(none), weights(zero))


def test_the_weight_of_wgan_gp_does_not_follow_the_reference_batch() -> None:
    few, many = (
        trained(replace(TINY, penalty="wgan-gp", reference_batch=size), 1)[1][0]["loss_gp"] for size in (1, 8)
    )
    assert few == many > 0


@pytest.mark.usefixtures("float64")
def test_one_step_of_the_power_method_for_each_micro_batch() -> None:
    """Spectral norm's vectors are those of torch's own layer after as many training passes."""
    model = learner(replace(TINY, spectral_norm=True, lr=1e-30, n_dis=2, accumulate=2))
    conv = unwrapped(model.critic).discriminator.levels[0].blocks[1].conv1  # type: ignore[index, union-attr]
    assert isinstance(conv, nn.Conv3d)
    alone = deepcopy(conv)
    for _ in range(2 * 2 * 2):
        assert alone.weight.numel()  # each look at it is one
    model.step(0)
    model.step(1)
    state, expected = conv.state_dict(), alone.state_dict()
    assert {name.rsplit(".")[-1] for name in state} == {"bias", "original", "_u", "_v"}
    for name, value in expected.items():
        torch.testing.assert_close(state[name], value)


def test_workers_with_parts_that_batch_subsampling_can_not_cut_are_refused() -> None:
    config = replace(TINY, batch_size=8, batch_stride=2)
    with pytest.raises(
        ValueError, match=r"must hold a multiple of 8 of a micro-batch, but it holds 4 .*workers=2"
    ):
        VideoGANLearner(config, 0, cast(Run, NowhereRun()), Workers(0, 2), clips=cast(Clips, NumberedClips()))


@pytest.mark.usefixtures("float64")
def test_accumulation_averages_micro_batches() -> None:
    """Without the coupling of batch norm in the fakes, the critic's scalars of two halves are the mean of the whole."""
    whole, parts = (trained(replace(TINY, accumulate=n), 1)[1][0] for n in (1, 2))
    assert parts["logit_real_4"] == pytest.approx(whole["logit_real_4"], rel=1e-9)
    assert parts["loss_gp"] == pytest.approx(whole["loss_gp"], rel=1e-9)


def test_previews_are_dense_and_always_of_the_same_noise() -> None:
    model, _ = trained(TINY, 1)
    clips = model.samples()
    assert clips.shape == (36, 8, 3, 16, 16)
    assert clips.dtype == np.uint8
    assert np.array_equal(clips, model.samples())
    assert len({clip.tobytes() for clip in clips}) == 36


def test_bfloat16_is_refused_on_the_cpu() -> None:
    with pytest.raises(ValueError, match="precision='bfloat16' needs a GPU"):
        learner(replace(TINY, precision="bfloat16"))
