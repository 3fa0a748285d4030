from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from retable.costs.flops import Trace
from retable.evaluation.config import Evaluation
from retable.trial.step_cost import gpus_for, room_mb
from trainables.classifiers.c3d.scales import SMALL
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.costs.forward import NetworkName, forward_costs, video_shapes
from trainables.video_gan.costs.measure import measure
from trainables.video_gan.costs.step import _update, step_cost
from trainables.video_gan.losses.critic import Critic
from trainables.video_gan.modules.generator import Generator
from trainables.video_gan.networks import build_critic, build_generator

PAPER = VideoGANConfig(evaluation=Evaluation(classifier=SMALL))
TINY = replace(
    PAPER,
    batch_size=3,
    resolution=32,
    z_dim=8,
    base_channels=2,
    clstm_channels=8,
    d_channels=4,
    data=replace(PAPER.data, size=32),
)


def networks(config: VideoGANConfig) -> tuple[Generator, Critic]:
    return build_generator(config), build_critic(config)


def forward_macs(network: torch.nn.Module, *inputs: object) -> int:
    """Of a pass in the form that we run, by torch's own count."""
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        network(*inputs)
    return int(flops.get_total_flops()) // 2


def each_sample(config: VideoGANConfig) -> tuple[int, int]:
    """Multiply-accumulates that one more sample costs the generator and the discriminator, forward."""
    generator, critic = networks(config)
    generate, judge = [], []
    for samples in (1, 2):  # their difference is free of what is done once a batch, such as folding kernels
        frames = torch.zeros(samples, dtype=torch.int64)
        videos = [torch.rand(shape) for shape in video_shapes(config, samples)]
        generate.append(forward_macs(generator, torch.rand(samples, config.z_dim), (0, 0, 0)))
        judge.append(forward_macs(critic.discriminator, videos, frames))
    return generate[1] - generate[0], judge[1] - judge[0]


def step_each_sample(config: VideoGANConfig) -> int:
    """What one more sample costs a step."""
    return round(step_cost(config).macs.each)


@pytest.mark.parametrize("config", [TINY, replace(TINY, discriminator="3d+2d", s_t=1)])
def test_a_step_is_so_many_forward_passes(config: VideoGANConfig) -> None:
    generate, judge = each_sample(config)
    fc = config.z_dim * config.clstm_channels  # at 32 × 32 the first map is 1 × 1; noise needs no gradient
    both = 3 * generate - fc + 2 * 3 * judge  # forward and two gradients; on a real and a generated clip
    assert step_each_sample(replace(config, lam=0.0)) == both
    assert step_each_sample(config) == both + judge  # the tangents of the real clip


def test_a_conditional_model_is_counted_too() -> None:
    conditional = replace(TINY, conditional=True, classes=5)
    networks = step_cost(conditional).parameters - step_cost(TINY).parameters
    norms = (8 + 16) + (16 + 8) + (8 + 4) + (4 + 2) + (2 + 2) + (8 + 4 + 2 + 2)  # channels: Up, rendering
    features = 4 * 16
    assert networks == 5 * 8 + (5 - 1) * 2 * norms + 4 * 5 * features
    extra = step_each_sample(conditional) - step_each_sample(TINY)
    one_hot, projections = 2 * 5 * 8, 4 * 5 * features  # forward and the weights' gradient; one of each level
    assert extra == one_hot + 7 * projections
    parts: dict[NetworkName, float] = {"generator": 28.914, "discriminator": 53.411}  # of Table 1
    for part, flops in parts.items():
        costs = forward_costs(replace(PAPER, conditional=True), part)
        assert flops < sum(cost.flops for cost in costs.values()) / 1e9 < flops + 0.002
    assert measure(conditional, "generator").seconds > 0
    assert measure(conditional, "discriminator").seconds > 0


def test_more_turns_of_the_discriminator_judge_new_clips() -> None:
    generate, judge = each_sample(TINY)
    assert step_each_sample(replace(TINY, n_dis=2)) == step_each_sample(TINY) + generate + 7 * judge


def test_operations_follow_the_batch_and_its_parts() -> None:
    cost = step_cost(TINY)
    whole, parts = cost.gflops(8), cost.gflops(8, accumulate=4)
    assert 0 < parts - whole < 0.2 * whole  # kernels are folded once a micro-batch
    assert cost.gflops(16, accumulate=8) == pytest.approx(2 * parts)


@pytest.mark.parametrize("config", [TINY, replace(TINY, precision="bfloat16")])
def test_the_forecast_of_memory_is_that_of_a_real_step(config: VideoGANConfig) -> None:
    generator, critic = networks(config)
    with Trace() as trace:
        _update(config, generator, critic, torch.rand(12, config.z_dim), both=True)
    found = step_cost(config)
    real_mb = (trace.peak + 12 * found.parameters) / 2**20
    assert found.memory_mb(12) == pytest.approx(real_mb, rel=0.02)


@pytest.mark.parametrize("config", [TINY, replace(TINY, discriminator="3d+2d", s_t=4).canonical()])
def test_the_forecast_of_memory_is_what_the_allocator_gives_out(config: VideoGANConfig) -> None:
    generator, critic = networks(config)
    z_NZ = torch.rand(12, config.z_dim)
    _update(config, generator, critic, z_NZ, both=True)
    generator.zero_grad()
    critic.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        _update(config, generator, critic, z_NZ, both=True)
    assert found.profiler is not None
    events = found.profiler.kineto_results.events()
    alive = accumulate(event.nbytes() for event in events if event.name() == "[memory]")
    assert step_cost(config).peak.at(12) == pytest.approx(max(alive), rel=0.05)


def test_what_a_gpu_of_the_paper_held_fits_it() -> None:
    ours = step_cost(PAPER)
    naive = step_cost(replace(PAPER, s_t=1))
    assert gpus_for(ours, 32, 12) == 4  # §5.2: 32 clips on four GPUs
    assert gpus_for(naive, 4, 12) == 2  # Table 2: 4 clips on four; without a second backward pass two will do
    assert ours.memory_mb(32, 4) < room_mb(32)  # the authors' README: 128 clips on four V100 of 32 GB
    assert ours.parameters == naive.parameters == 204_109_520
    assert ours.memory_mb(8) < 12 * 1024
    assert naive.memory_mb(1) < 12 * 1024 < naive.memory_mb(8)
    assert naive.peak.each > 4 * ours.peak.each


def test_what_training_does_not_notice_costs_nothing() -> None:
    other = replace(TINY, lr=1e-3, iterations=5, lam=3.0, reference_batch=1, batch_size=1)
    assert other.cost_key() == TINY.cost_key()
    assert step_cost(other) == step_cost(TINY)


@pytest.mark.parametrize(
    "change",
    [{"lam": 0.0}, {"n_dis": 2}, {"S1": False}, {"d_channels": 8}, {"discriminator": "3d"}, {"loss": "eq7"}],
)
def test_what_the_cost_depends_on_is_in_its_key(change: dict[str, Any]) -> None:
    assert replace(TINY, **change).cost_key() != TINY.cost_key()


def test_counting_leaves_training_as_it_was() -> None:
    step_cost(TINY)
    generator, critic = networks(TINY)
    _update(TINY, generator, critic, torch.rand(2, TINY.z_dim), both=True)
    assert all(type(p.grad) is torch.Tensor for p in (*generator.parameters(), *critic.parameters()))


def test_shapes_of_the_videos() -> None:
    with torch.no_grad():
        videos = build_generator(TINY)(torch.rand(2, TINY.z_dim), (0, 0, 0))
    assert [tuple(video.shape) for video in videos] == video_shapes(TINY, 2)
    assert video_shapes(replace(PAPER, discriminator="3d", S1=False), 1) == [(1, 3, 16, 192, 192)]


def test_every_option_can_be_counted() -> None:
    plain = step_cost(TINY)
    for changes, macs in (
        ({"spectral_norm": True}, "="),
        ({"batch_norm": False}, "="),
        ({"penalty": "none"}, "<"),
        ({"penalty": "wgan-gp"}, ">"),
        ({"clstm_layers": 3}, ">"),
        ({"d_residual": False}, "<"),
        ({"batch_stride": 2}, "<"),
    ):
        found = step_cost(replace(TINY, **changes))
        base, difference = plain.gflops(8), found.gflops(8) - plain.gflops(8)
        assert {"=": abs(difference) < 1e-3 * base, "<": difference < 0, ">": difference > 0}[macs], changes
        assert found.memory_mb(8) > 0
        assert (found.parameters == plain.parameters) == (
            not changes.keys() & {"batch_norm", "clstm_layers", "d_residual"}
        )


def test_wgan_gp_judges_a_third_video() -> None:
    _, judge = each_sample(TINY)
    assert step_each_sample(replace(TINY, penalty="wgan-gp")) == step_each_sample(TINY) + 3 * judge


def test_normalisation_is_not_counted_but_the_slices_of_subsampling_are() -> None:
    normed, bare = (forward_costs(replace(TINY, batch_norm=on), "generator")[4] for on in (True, False))
    assert normed == bare
    with_it, without = (
        forward_costs(replace(TINY, spectral_norm=on), "discriminator")[4] for on in (True, False)
    )
    assert with_it == without


def test_a_baseline_has_the_generators_levels_but_one_discriminator() -> None:
    single = replace(PAPER, discriminator="3d", S1=False)
    assert list(forward_costs(single, "generator")) == [1, 2, 3, 4]
    assert list(forward_costs(single, "discriminator")) == [4]


def test_measuring_here() -> None:
    try:
        for measured in (measure(TINY, "generator"), measure(TINY, "discriminator")):
            assert measured.seconds > 0
            assert measured.peak_mb >= 0
    finally:
        torch.set_flush_denormal(False)  # other tests need denormal numbers
