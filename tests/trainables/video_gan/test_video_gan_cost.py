from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from retable.cost import Trace
from retable.metrics.evaluation import Evaluation
from trainables.classifiers.scales import SMALL
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.cost import Part, StepCost, _update, forward_costs, step_cost, video_shapes
from trainables.video_gan.critic import Critic
from trainables.video_gan.generator import Generator
from trainables.video_gan.measure import measure
from trainables.video_gan.networks import build_discriminator, build_generator

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
    critic = Critic(build_discriminator(config), form=config.loss, penalty=config.lam)
    return build_generator(config), critic


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
    few, many = (step_cost(replace(config, batch_size=size)).gflops for size in (4, 8))
    return round((many - few) * 1e9 / 4)


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
    parts: dict[Part, float] = {"generator": 28.914, "discriminator": 53.411}  # of Table 1
    for part, flops in parts.items():
        costs = forward_costs(replace(PAPER, conditional=True), part)
        assert flops < sum(cost.flops for cost in costs.values()) / 1e9 < flops + 0.002
    assert measure(conditional, "generator").seconds > 0
    assert measure(conditional, "discriminator").seconds > 0


def test_more_turns_of_the_discriminator_judge_new_clips() -> None:
    generate, judge = each_sample(TINY)
    assert step_each_sample(replace(TINY, n_dis=2)) == step_each_sample(TINY) + generate + 7 * judge


def test_operations_follow_the_batch_and_its_parts() -> None:
    whole = step_cost(replace(TINY, batch_size=8))
    parts = step_cost(replace(TINY, batch_size=8, accumulate=4))
    folding = parts.gflops - whole.gflops  # kernels are made once a micro-batch
    assert 0 < folding < 0.2 * whole.gflops
    assert step_cost(replace(TINY, batch_size=16, accumulate=8)).gflops == pytest.approx(2 * parts.gflops)
    assert (whole.fixed_mb, whole.sample_mb) == (parts.fixed_mb, parts.sample_mb)


@pytest.mark.parametrize("config", [TINY, replace(TINY, precision="bfloat16")])
def test_the_forecast_of_memory_is_that_of_a_real_step(config: VideoGANConfig) -> None:
    generator, critic = networks(config)
    with Trace() as trace:
        _update(config, generator, critic, torch.rand(12, config.z_dim), both=True)
    found = step_cost(config)
    real_mb = (trace.peak + 12 * found.parameters) / 2**20
    assert found.memory_mb(12) == pytest.approx(real_mb, rel=0.02)


def test_memory_is_never_below_what_lies_there_between_steps() -> None:
    found = StepCost(parameters=2**20, gflops=1.0, fixed_mb=10.0, sample_mb=2.0)
    assert found.memory_mb(1) == 16.0
    assert found.memory_mb(8) == 26.0


def test_what_a_gpu_of_the_paper_held_fits_it() -> None:
    ours = step_cost(PAPER)
    naive = step_cost(replace(PAPER, s_t=1))
    assert ours.parameters == naive.parameters == 204_109_520
    assert ours.memory_mb(8) < 12 * 1024
    assert naive.memory_mb(1) < 12 * 1024 < naive.memory_mb(8)
    assert naive.sample_mb > 4 * ours.sample_mb


def test_what_training_does_not_notice_costs_nothing() -> None:
    costs = {
        step_cost(replace(TINY, **change))
        for change in ({}, {"lr": 1e-3}, {"iterations": 5}, {"lam": 3.0}, {"reference_batch": 1})
    }
    assert len(costs) == 1


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


def test_a_baseline_has_the_generators_levels_but_one_discriminator() -> None:
    single = replace(PAPER, discriminator="3d", S1=False)
    assert list(forward_costs(single, "generator")) == [1, 2, 3, 4]
    assert list(forward_costs(single, "discriminator")) == [4]


def test_measuring_here() -> None:
    for measured in (measure(TINY, "generator"), measure(TINY, "discriminator")):
        assert measured.seconds > 0
        assert measured.peak_mb >= 0
