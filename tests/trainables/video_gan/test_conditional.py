"""The conditional model (§4.6): where labels go in both networks, in a step, and in an evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ClipSpec
from retable.data.embedded.scenes import CLASSES
from retable.data.samples.clips import Clips
from retable.evaluation.config import Evaluation
from retable.trial.distributed import Workers
from retable.trial.random import stream
from retable.trial.run import Run
from retable.trial.trial import Trial
from trainables.classifiers.c3d.config import C3DConfig
from trainables.parts.conditional_norm import ConditionalBatchNorm2d
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.learner import VideoGANLearner
from trainables.video_gan.modules.discriminator import Discriminator, ResNet, TwoStream
from trainables.video_gan.modules.generator import Generator
from trainables.video_gan.modules.passes import Pass
from trainables.video_gan.networks import build_discriminator, build_generator
from trainables.video_gan.scales import EMBEDDED_CLASSES, smoke, toy

PAPER = VideoGANConfig(conditional=True, evaluation=Evaluation(classifier=C3DConfig()))
TINY = replace(
    PAPER,
    classes=3,
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
)


class LabelledClips:
    """Random pixels, keyed by iteration and index. Three in four videos are of class 2, the rest of class 0."""

    labels = (0, 2, 2, 2)

    def batch(self, iteration: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        clips = [stream(0, "clip", iteration, i).integers(0, 256, (8, 3, 16, 16), np.uint8) for i in indices]
        drawn = [self.labels[int(stream(0, "label", iteration, i).integers(4))] for i in indices]
        return torch.from_numpy(np.stack(clips)), torch.tensor(drawn)


class NowhereRun:
    data = Path("/nowhere")


def learner(config: VideoGANConfig = TINY) -> VideoGANLearner:
    return VideoGANLearner(config, 0, cast(Run, NowhereRun()), Workers(), clips=cast(Clips, LabelledClips()))


def random_tables(generator: Generator) -> Generator:
    """Every class with scales and shifts of its own in every norm; and no other way for a label into the network."""
    torch.manual_seed(0)
    for norm in generator.modules():
        if isinstance(norm, ConditionalBatchNorm2d):
            nn.init.normal_(norm.gamma.weight)
            nn.init.normal_(norm.beta.weight)
    nn.init.zeros_(generator.fc.weight[:, : generator.classes])
    return generator


def test_parameters_at_the_papers_size() -> None:
    with torch.device("meta"):
        generator, discriminator = build_generator(PAPER), build_discriminator(PAPER)
        two = build_discriminator(replace(PAPER, discriminator="3d+2d"))
    assert sum(p.numel() for p in generator.parameters()) == 89_622_476
    assert sum(p.numel() for p in discriminator.parameters()) == 116_490_756
    assert sum(p.numel() for p in two.parameters()) == 39_160_706 + 2 * 101 * 1024
    norms = [type(m).__name__ for m in generator.modules() if "BatchNorm" in type(m).__name__]
    assert (
        norms.count("ConditionalBatchNorm2d") == 2 * 6 + 4
    )  # two in each Up block, one in each rendering block
    assert len(norms) == 2 * norms.count("ConditionalBatchNorm2d")  # and none that is not inside one of them


@torch.no_grad()
def test_a_label_changes_its_own_samples_frames_and_no_others() -> None:
    generator = random_tables(build_generator(replace(TINY, s_t=2)).eval())
    z, labels, other = torch.rand(3, 6), torch.tensor([0, 1, 2]), torch.tensor([0, 2, 2])
    for before, after in zip(generator(z, (1, 0, 1), labels), generator(z, (1, 0, 1), other), strict=True):
        changed = (before != after).any(dim=1).flatten(2).any(dim=2)  # (N, T_l)
        assert not changed[0].any()
        assert changed[1].all()
        assert not changed[2].any()


@torch.no_grad()
@pytest.mark.usefixtures("float64")
def test_each_frame_is_normalised_by_its_own_label() -> None:
    """A batch gives what its samples give one by one, at every level and after every subsampling layer."""
    for s_t in (1, 2, 4):
        generator = random_tables(build_generator(replace(TINY, s_t=s_t)).eval())
        z, labels = torch.rand(3, 6), torch.tensor([2, 0, 1])
        together = generator(z, (0, 1, 0), labels)
        for at in range(3):
            alone = generator(z[at : at + 1], (0, 1, 0), labels[at : at + 1])
            for level, video in zip(alone, together, strict=True):
                torch.testing.assert_close(level[0], video[at], rtol=1e-10, atol=1e-10)
        dense = generator.generate(z, labels, frames=8)
        torch.testing.assert_close(
            generator.generate(z[1:2], labels[1:2], frames=8)[0], dense[1], rtol=1e-10, atol=1e-10
        )


@torch.no_grad()
def test_in_training_a_rendering_block_shows_the_label_where_it_belongs() -> None:
    """Its tables come after the last statistics, so no other sample notices."""
    generator = build_generator(TINY).train()
    nn.init.zeros_(generator.fc.weight[:, :3])
    for render in generator.renders.values():
        nn.init.normal_(cast(ConditionalBatchNorm2d, render.bn).gamma.weight)
    z = torch.rand(3, 6)
    one, other = (generator(z, (0, 0, 0), torch.tensor(labels)) for labels in ([0, 1, 2], [0, 1, 1]))
    for before, after in zip(one, other, strict=True):
        assert torch.equal(before[:2], after[:2])
        assert (before[2] != after[2]).any(dim=0).flatten(1).any(dim=1).all()


@torch.no_grad()
@pytest.mark.usefixtures("float64")
def test_the_one_hot_label_precedes_the_noise() -> None:
    generator, z = build_generator(TINY).eval(), torch.rand(2, 6)
    joined = torch.cat([torch.tensor([[0.0, 0, 1], [1, 0, 0]]), z], dim=1)
    expected = generator.clstm(generator.fc(joined).view(2, 4, 1, 1), 8).flatten(0, 1)
    found = generator._first_map(z, torch.tensor([2, 0]), 8)
    torch.testing.assert_close(found, expected)


def test_labels_where_there_are_no_classes_and_the_other_way_round() -> None:
    conditional, plain = build_generator(TINY), build_generator(replace(TINY, conditional=False))
    with pytest.raises(ValueError, match=r"of 3 classes .* got none labels"):
        conditional(torch.zeros(1, 6), (0, 0, 0))
    with pytest.raises(ValueError, match=r"of 0 classes .* got 1 labels"):
        plain.eval().generate(torch.zeros(1, 6), torch.tensor([0]))
    with pytest.raises(ValueError, match="a conditional discriminator needs labels_N"):
        build_discriminator(TINY).levels[0](torch.zeros(1, 3, 8, 2, 2), Pass())


@pytest.mark.usefixtures("float64")
def test_projection_by_its_equation() -> None:
    torch.manual_seed(0)
    net, x, labels = ResNet(2, classes=5), torch.randn(3, 3, 4, 16, 16), torch.tensor([4, 1, 4])
    h = x
    for block in net.blocks:
        h = block(h, Pass())
    features = F.relu(h).sum((2, 3, 4))
    assert net.projection is not None
    rows = net.projection.weight.view(5, 32)[labels]
    expected = F.linear(features, net.linear.weight.flatten(1), net.linear.bias)[:, 0] + (
        rows * features
    ).sum(1)
    for run in (Pass(), Pass(literal=True)):
        torch.testing.assert_close(net(x, run, labels_N=labels), expected, rtol=1e-10, atol=1e-10)
    limit = (6 / (32 + 5)) ** 0.5
    assert 0.9 * limit < float(net.projection.weight.detach().abs().max()) <= limit


@pytest.mark.usefixtures("float64")
def test_both_streams_project() -> None:
    torch.manual_seed(0)
    net, x = Discriminator(levels=1, channels=2, two_stream=True, classes=3), torch.randn(2, 3, 4, 16, 16)
    streams, labels = cast(TwoStream, net.levels[0]), torch.tensor([2, 1])
    frames = torch.stack([x[0, :, 3], x[1, :, 0]]).unsqueeze(2)
    expected = streams.video(x, Pass(), labels_N=labels) + streams.frame(frames, Pass(), labels_N=labels)
    torch.testing.assert_close(net([x], torch.tensor([3, 0]), labels), expected[:, None])


@pytest.mark.parametrize("changes", [{}, {"discriminator": "3d+2d"}, {"accumulate": 2, "n_dis": 2}])
def test_fakes_have_the_labels_of_the_real_batch(changes: dict[str, object]) -> None:
    config = replace(TINY, **changes)  # type: ignore[arg-type]
    model = learner(config)
    generated, judged = [], []
    model.generator.register_forward_pre_hook(lambda _, args: generated.extend(args[2].tolist()))
    model.critic.register_forward_pre_hook(lambda _, args: judged.extend(args[3].tolist()))
    scalars = model.step(5)
    updates = [5 * config.n_dis + turn for turn in range(config.n_dis)]
    real = [int(label) for update in updates for label in LabelledClips().batch(update, range(4))[1]]
    assert len(set(real)) > 1
    assert generated == judged == real
    assert all(np.isfinite([float(value) for value in scalars.values()]))


def projection_tables(model: VideoGANLearner) -> list[Tensor]:
    """Of each level, (classes, features)."""
    state = model.state()["discriminator"]
    return [state[f"levels.{level}.projection.weight"].flatten(1).clone() for level in range(4)]


def test_every_table_learns_and_none_of_an_absent_class() -> None:
    model = learner()
    before = {key: value.clone() for key, value in model.state()["generator"].items()}
    projections = projection_tables(model)
    model.step(5)
    after = model.state()["generator"]
    tables = [key for key in before if "gamma" in key or "beta" in key]
    assert len(tables) == 2 * (2 * 4 + 4)
    for key in tables:
        assert (before[key] != after[key]).any(dim=1).tolist() == [True, False, True]
    for one, other in zip(projections, projection_tables(model), strict=True):
        assert (one != other).any(dim=1).tolist() == [True, False, True]


def test_a_resumed_trial_gives_the_same_bits() -> None:
    whole, first = learner(), learner()
    for at in range(4):
        whole.step(at)
    for at in range(2):
        first.step(at)
    resumed = learner()
    resumed.load_state(first.state())
    for at in (2, 3):
        resumed.step(at)
    for net in ("generator", "discriminator"):
        theirs = resumed.state()[net]
        assert all(torch.equal(value, theirs[key]) for key, value in whole.state()[net].items())
    assert np.array_equal(whole.samples(), resumed.samples())


@pytest.mark.usefixtures("float64")
def test_accumulation_averages_micro_batches() -> None:
    whole, parts = (learner(replace(TINY, accumulate=n)).step(5) for n in (1, 2))
    for name in ("logit_real_1", "logit_real_4", "loss_gp"):
        assert float(parts[name]) == pytest.approx(float(whole[name]), rel=1e-9)


def asked(config: VideoGANConfig, repeat: int, indices: Sequence[int]) -> list[int]:
    """The labels that an evaluation's samples are of."""
    model, seen = learner(config), list[int]()
    model.generator.generate = (  # type: ignore[method-assign]
        lambda z, labels, **_: seen.extend(labels.tolist())  # type: ignore[assignment]
    )
    model._dense(indices, repeat)
    return seen


def test_an_evaluation_asks_for_classes_as_often_as_the_training_videos_have_them() -> None:
    labels = asked(TINY, 3, range(400))
    assert np.bincount(labels, minlength=3) == pytest.approx([100, 0, 300], abs=40)
    assert labels[7:9] == asked(TINY, 3, [7, 8])
    assert labels != asked(TINY, 4, range(400))


def test_or_for_each_class_equally_often() -> None:
    uniform = replace(TINY, evaluation=replace(TINY.evaluation, labels="uniform"))
    assert np.bincount(asked(uniform, 0, range(600)), minlength=3) == pytest.approx([200] * 3, abs=50)


def test_a_column_of_the_preview_has_one_class() -> None:
    model, seen = learner(), list[int]()
    generate = model.generator.generate

    def noted(z: Tensor, labels: Tensor, *, frames: int) -> Tensor:
        seen.extend(labels.tolist())
        return generate(z, labels, frames=frames)

    model.generator.generate = noted  # type: ignore[method-assign, assignment]
    assert model.samples().shape == (36, 8, 3, 16, 16)
    assert seen == [0, 0, 1, 1, 2, 2] * 6


def signature(config: VideoGANConfig) -> str:
    return Trial(config, 0, "data").signature


def test_what_only_a_conditional_model_has_is_no_part_of_another() -> None:
    plain = replace(PAPER, conditional=False)
    uniform = replace(PAPER.evaluation, labels="uniform")
    assert signature(plain) == signature(replace(plain, classes=10, evaluation=uniform))
    assert len({signature(config) for config in (
        plain, PAPER, replace(PAPER, classes=10), replace(PAPER, evaluation=uniform)
    )}) == 4  # fmt: skip
    assert PAPER.labels()["conditional"] == 1
    with pytest.raises(ValueError, match="classes must be at least 1, but got 0"):
        replace(PAPER, classes=0)


def test_small_scales_have_the_embedded_sets_classes() -> None:
    uniform = replace(PAPER, evaluation=replace(PAPER.evaluation, labels="uniform"))
    assert len(CLASSES) == EMBEDDED_CLASSES
    for scale in (smoke, toy):
        assert scale(PAPER).num_classes == EMBEDDED_CLASSES
        assert scale(replace(PAPER, conditional=False)).num_classes == 0
        assert scale(uniform).evaluation.labels == "uniform"


def test_other_classes_than_the_data_sets_are_refused_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = tmp_path / "splits"
    found = type("Catalog", (), {"classes": ("Archery", "Biking", "Bowling", "Diving")})
    monkeypatch.setattr("retable.data.scan.catalog.scan", lambda root, *, frames: found)
    with pytest.raises(DataError, match=r"classes=3 and .*splits has 4 \(Archery, Biking, Bowling…\)"):
        TINY.prepare(lists)
