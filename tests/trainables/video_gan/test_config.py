import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.data.decode.spec import ClipSpec
from retable.evaluation.config import Evaluation
from retable.study.published import Published
from retable.trial.trial import Trial
from trainables.classifiers.c3d.config import C3DConfig
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.scales import paper, smoke, toy

PAPER = VideoGANConfig(evaluation=Evaluation(classifier=C3DConfig()))
PUBLISHED = Path(__file__).parents[3] / "studies" / "published" / "tganv2.csv"


def same(one: VideoGANConfig, other: VideoGANConfig) -> bool:
    return Trial(one, 0, "data").signature == Trial(other, 0, "data").signature


@pytest.mark.parametrize(
    ("s_t", "on", "strides", "frames"),
    [
        (1, "123", (1, 1, 1), (16, 16, 16, 16)),
        (2, "123", (2, 2, 2), (16, 8, 4, 2)),
        (2, "12", (2, 2, 1), (16, 8, 4, 4)),
        (2, "", (1, 1, 1), (16, 16, 16, 16)),
        (4, "123", (4, 4, 1), (16, 4, 1, 1)),
        (4, "13", (4, 1, 4), (16, 4, 4, 1)),
        (4, "1", (4, 1, 1), (16, 4, 4, 4)),
    ],
)
def test_strides_and_frames_of_the_papers_tables(
    s_t: int, on: str, strides: tuple[int, ...], frames: tuple[int, ...]
) -> None:
    config = replace(PAPER, s_t=s_t, S1="1" in on, S2="2" in on, S3="3" in on)
    assert config.strides == strides
    assert config.frames_by_level == frames
    assert config.offset_counts == strides


def test_a_single_frame_has_one_offset() -> None:
    config = replace(PAPER, s_t=4, frames=2, data=ClipSpec(frames=2))
    assert config.strides == (4, 1, 1)
    assert config.frames_by_level == (2, 1, 1, 1)
    assert config.offset_counts == (2, 1, 1)


def test_toggles_that_change_nothing_are_one_trial() -> None:
    at_4 = replace(PAPER, s_t=4)
    assert same(at_4, replace(at_4, S3=False))
    assert not same(at_4, replace(at_4, S2=False))
    assert same(replace(PAPER, s_t=1), replace(PAPER, S1=False, S2=False, S3=False))
    assert same(replace(at_4, S1=False, S2=False, S3=False), replace(PAPER, s_t=1))
    assert same(replace(PAPER, lam=0.0), replace(PAPER, lam=0.0, reference_batch=2))
    assert not same(PAPER, replace(PAPER, reference_batch=2))


def test_baselines_have_the_first_layer_only() -> None:
    baseline = replace(PAPER, discriminator="3d")
    assert same(baseline, replace(baseline, S2=False, S3=False, loss="eq7"))
    assert not same(baseline, replace(baseline, S1=False))
    assert not same(PAPER, replace(PAPER, loss="eq7"))
    assert baseline.canonical().strides == (2, 1, 1)
    assert baseline.levels == (4,)


@given(
    s_t=st.sampled_from([1, 2, 4]),
    on=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    lam=st.sampled_from([0.0, 0.5]),
    discriminator=st.sampled_from(["multiscale", "3d", "3d+2d"]),
)
def test_the_canonical_config_trains_the_same_and_is_its_own_canonical(
    s_t: int,
    on: tuple[bool, bool, bool],
    lam: float,
    discriminator: Literal["multiscale", "3d", "3d+2d"],
) -> None:
    S1, S2, S3 = on
    config = replace(PAPER, s_t=s_t, S1=S1, S2=S2, S3=S3, lam=lam, discriminator=discriminator)
    canonical = config.canonical()
    assert canonical.canonical() == canonical
    assert same(config, canonical)
    assert canonical.levels == config.levels
    assert canonical.strides[0] == config.strides[0]
    if discriminator == "multiscale":
        assert canonical.strides == config.strides
        assert canonical.offset_counts == config.offset_counts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"penalty": "none"}, {"lam": 0.0}),
        ({"penalty": "none"}, {"penalty": "wgan-gp", "lam": 0.0, "reference_batch": 2}),
        ({"penalty": "wgan-gp"}, {"penalty": "wgan-gp", "reference_batch": 2}),
        ({"s_t": 1}, {"s_t": 1, "batch_stride": 2}),
        ({"discriminator": "3d"}, {"discriminator": "3d", "batch_stride": 2}),
        ({"clstm_dilation": 3}, {"clstm_dilation": 4}),
        (
            {"resolution": 32, "data": ClipSpec(size=32)},
            {"resolution": 32, "data": ClipSpec(size=32), "clstm_dilation": 2},
        ),
    ],
)
def test_options_that_change_nothing_are_one_trial(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = (replace(PAPER, **changes) for changes in (one, other))  # type: ignore[arg-type]
    assert same(first, second)
    assert first.canonical().labels() == second.canonical().labels()
    assert first.canonical().canonical() == first.canonical()


@pytest.mark.parametrize(
    "changes",
    [
        {"penalty": "none"},
        {"penalty": "wgan-gp"},
        {"adversarial": "wasserstein"},
        {"batch_stride": 2},
        {"clstm_layers": 2},
        {"clstm_dilation": 2},
        {"batch_norm": False},
        {"d_residual": False},
        {"spectral_norm": True},
    ],
)
def test_options_are_other_trials_and_show_in_the_labels(changes: dict[str, object]) -> None:
    config = replace(PAPER, **changes)  # type: ignore[arg-type]
    assert not same(config, PAPER)
    assert config.labels() != PAPER.labels()


def test_samples_of_each_level() -> None:
    thin = replace(PAPER, batch_stride=2)
    assert thin.one_in == (1, 2, 4, 8)
    assert replace(thin, s_t=4).one_in == (1, 2, 4, 4)  # S3 is off: the reference's strides are 4, 4, 1
    assert replace(thin, S2=False).one_in == (1, 2, 2, 4)
    assert replace(thin, discriminator="3d").one_in == PAPER.one_in[:1] == (1,)


def test_labels_find_the_published_numbers() -> None:
    published = Published.load(PUBLISHED)
    naive = replace(PAPER, s_t=4, S1=False, S2=False, S3=False)
    baseline = replace(PAPER, discriminator="3d", batch_size=16, lam=10.0)
    for table, metric, model, config, value in (
        ("2", "is", "Our model", PAPER, 23.87),
        ("2", "is", "Our model", replace(PAPER, s_t=4), 26.60),
        ("10", "is", "Full", replace(PAPER, s_t=4, S3=False, batch_size=16), 22.69),
        ("9", "fid", "Naive impl.", replace(naive, batch_size=16), 7822),
        ("11", "is", "3D dis. only", baseline, 4.30),
        ("11", "is", "3D dis. only", replace(baseline, s_t=1), 11.10),
    ):
        found = published.find(table, metric, model, config.labels())
        assert found is not None
        assert found.value == value


def test_labels_are_flat_and_in_the_papers_words() -> None:
    labels = replace(PAPER, s_t=4).canonical().labels()
    assert (labels["s_t"], labels["S1"], labels["S2"], labels["S3"]) == (4, 1, 1, 0)
    assert labels["lambda"] == 0.5
    assert labels["batch_size"] == 32
    assert all(isinstance(value, str | int | float) for value in labels.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 48, "data": ClipSpec(size=48)}, "resolution must be 16, 32 or a multiple of 64"),
        ({"s_t": 3}, r"s_t must divide the frames .* got s_t=3"),
        ({"frames": 6, "s_t": 4, "data": ClipSpec(frames=6)}, "s_t must divide"),
        (
            {"resolution": 64},
            "data must cut clips of frames=16 and size=64, but it has frames=16 and size=192",
        ),
        ({"frames": 8}, "data must cut clips of frames=8"),
        ({"frames": 1, "data": ClipSpec(frames=1)}, "frames must be at least 2"),
        ({"s_t": 0}, "s_t must be at least 1, but got 0"),
        ({"lam": -1.0}, "lam must be at least 0"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"beta2": 1.0}, r"beta2 must be in \[0, 1\)"),
        ({"loss": "hinge"}, "loss must be one of .* but got 'hinge'"),
        ({"penalty": "r2"}, "penalty must be one of .* but got 'r2'"),
        ({"adversarial": "hinge"}, "adversarial must be one of"),
        ({"batch_stride": 0}, "batch_stride must be at least 1"),
        ({"clstm_layers": 0}, "clstm_layers must be at least 1"),
        ({"loss": "eq7", "batch_stride": 2}, "with batch_stride=2 the higher levels have fewer samples"),
        ({"discriminator": "2d"}, "discriminator must be one of"),
        ({"batch_size": 6, "accumulate": 4}, "accumulate must divide batch_size"),
    ],
)
def test_impossible_configs_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAPER, **changes)  # type: ignore[arg-type]


def test_scales_keep_what_the_tables_compare() -> None:
    for scale in (smoke, toy):
        for s_t in (1, 2, 4):
            config = scale(replace(PAPER, s_t=s_t, lam=10.0, reference_batch=2))
            assert (config.s_t, config.lam, config.reference_batch) == (s_t, 10.0, 2)
            assert (config.resolution, config.data.size) == (32, 32)
    assert smoke(PAPER).batch_size == 16
    assert (smoke(PAPER).clstm_channels, toy(PAPER).clstm_channels) == (64, 128)
    assert toy(replace(PAPER, clstm_channels=2048)).clstm_channels == 256
    assert smoke(replace(PAPER, batch_size=1)).batch_size == 1
    assert paper(PAPER) is PAPER


def test_the_required_trial_is_the_classifier() -> None:
    assert PAPER.requires() == (PAPER.evaluation.classifier,)


def test_configs_import_no_torch() -> None:
    code = "import sys, trainables.video_gan.scales; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
