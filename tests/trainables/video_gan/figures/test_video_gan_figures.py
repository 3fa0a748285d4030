"""`retable figures` on trials that the real loop has trained: what is written, what it says, what is refused."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retable.cli.main import main
from retable.figures.trained_trial import TrainedTrial, find, opened
from retable.io.media import GAP, LINE, SIDE
from retable.metrics.similarity import psnr, ssim
from retable.store.formats.result import TrialResult
from retable.trial.random import stream
from tests.precision import allowance
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.figures.report import figures_of
from trainables.video_gan.figures.sampler import Codes, Sampler
from trainables.video_gan.modules.generator import Generator
from trainables.video_gan.networks import build_generator

if TYPE_CHECKING:
    from tests.trainables.video_gan.figures.conftest import Trained

SAMPLES = 6
FULL, BASELINE = "multiscale", "discriminator=3d"
PITCH = SIDE + GAP
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def drawn(trained: "Trained") -> Path:
    """The folder of all figures of the study."""
    command = ["figures", str(trained.study), "--out", str(trained.results), "--samples", str(SAMPLES)]
    assert main(arguments=command) == 0
    return trained.results / "figures"


def size(path: Path) -> tuple[int, int, int]:
    """Frames, height, width of a film or a picture; all are decoded."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        if path.suffix == ".mp4":
            assert container.streams.video[0].average_rate == 15
    return len(frames), *frames[0].shape[:2]


def without_texts(length: int) -> int:
    """Columns or rows of a picture: what is left after a multiple of the pitch are the texts."""
    return (length + GAP) // PITCH


def sheet(path: Path) -> tuple[int, int]:
    """Rows of a picture with its caption below, and its columns."""
    frames, height, width = size(path)
    assert frames == 1
    assert (height + GAP) % PITCH > LINE  # the caption
    return without_texts(height), without_texts(width)


def test_every_figure_of_the_paper_is_there_and_decodes(trained: "Trained", drawn: Path) -> None:
    folder = drawn / trained.signature(FULL)
    told = json.loads((folder / "figures.json").read_text())
    files = [name for figure in told["figures"] for name in figure["files"]]
    assert sorted([*files, "figures.json"]) == sorted(path.name for path in folder.iterdir())
    captions = " ".join(figure["caption"] for figure in told["figures"])
    assert all(f" {number}" in captions for number in range(6, 16))
    assert (told["samples"], told["iteration"], told["signature"]) == (
        SAMPLES,
        opened_full(trained).iteration,
        folder.name,
    )

    side = 6 * PITCH - GAP
    assert size(folder / "samples.mp4") == (8, side, side)
    assert sheet(folder / "stills.png") == (6, 6)
    assert sheet(folder / "frames.png")[0] == 8
    assert sheet(folder / "first_frames.png") == (8, 6)
    assert sheet(folder / "interpolation.png") == (8, 6)
    found, height, width = size(folder / "interpolation.mp4")
    assert (found, height, without_texts(width)) == (8, 8 * PITCH - GAP, 6)
    assert size(folder / "levels.mp4") == (8, side, 4 * PITCH - GAP)
    assert sheet(folder / "levels.png") == (6, 4)
    assert sheet(folder / "dense_levels.png") == (12, 8)
    assert (folder / "similarity.svg").read_text().count("<svg") == 1


def opened_full(trained: "Trained") -> TrainedTrial:
    trial, name = find(trained.results, trained.signature(FULL)[:6])
    return opened(trained.results, trial, name, CPU)


def config_of(finished: TrainedTrial) -> VideoGANConfig:
    assert isinstance(finished.trial.config, VideoGANConfig)
    return finished.trial.config


def test_the_curves_are_those_of_the_checkpoint(trained: "Trained", drawn: Path) -> None:
    finished = opened_full(trained)
    generator = build_generator(config_of(finished)).eval()
    generator.load_state_dict(finished.state()["generator"])
    generator.double()
    z = np.stack([stream(0, "figure-z", 0, index).uniform(-1, 1, 6) for index in range(SAMPLES)])
    z_NZ = torch.tensor(z).float().double()
    expected = curves(generator, z_NZ)
    off = allowance(lambda: curves(generator, z_NZ), expected)  # the figures are drawn in float32
    folder = drawn / trained.signature(FULL)
    for file, line, quantity in (
        ("frame_differences.csv", "level 4", "difference"),
        ("similarity.csv", "levels 1 and 4", "PSNR"),
        ("similarity.csv", "levels 1 and 4", "SSIM"),
    ):
        with (folder / file).open() as rows:
            found = [
                row
                for row in csv.DictReader(rows)
                if row["line"] == line and row["quantity"].startswith(quantity)
            ]
        for column in COLUMNS:
            values = torch.tensor([float(row[column]) for row in found], dtype=torch.float64)
            key = f"{quantity} {column}"
            assert float((values - expected[key]).norm()) <= off[key], key
        assert {row["samples"] for row in found} == {str(SAMPLES)}


COLUMNS = ("mean", "low_95", "high_95")


def curves(generator: Generator, z_NZ: Tensor) -> dict[str, Tensor]:
    """Means over samples at each frame, with Student's interval for 5 degrees of freedom."""
    low, high = (generator.generate(z_NZ, level=level, frames=8) for level in (1, 4))
    resized = [interpolate(low[:, :, frame], size=16, mode="bilinear") for frame in range(8)]
    frames = list(zip(resized, high.unbind(2), strict=True))
    found = {}
    for quantity, values_NX in (
        ("difference", high.diff(dim=2).abs().mean(dim=(1, 3, 4))),
        ("PSNR", torch.stack([psnr(*pair) for pair in frames], dim=1)),
        ("SSIM", torch.stack([ssim(*pair) for pair in frames], dim=1)),
    ):
        mean, half = values_NX.mean(dim=0), 2.5705818 * values_NX.std(dim=0) / SAMPLES**0.5
        for column, value in zip(COLUMNS, (mean, mean - half, mean + half), strict=True):
            found[f"{quantity} {column}"] = value
    return found


def test_a_baseline_has_no_other_levels(trained: "Trained", drawn: Path) -> None:
    names = {path.stem for path in (drawn / trained.signature(BASELINE)).iterdir()}
    assert names == {
        "samples", "stills", "frames", "first_frames", "interpolation", "frame_differences", "figures"
    }  # fmt: skip


def test_trials_are_compared_on_the_same_noise(trained: "Trained", drawn: Path) -> None:
    folder = drawn / "tiny_smoke"
    found, height, width = size(folder / "comparison.mp4")
    assert (found, height) == (8, 2 * PITCH - GAP)
    assert without_texts(width) >= 6
    assert sheet(folder / "comparison.png")[0] == 2
    told = json.loads((folder / "figures.json").read_text())
    assert set(told["trials"]) == {planned.signature for planned in trained.plan.trials[1:]}
    assert {file for figure in told["figures"] for file in figure["files"]} >= {"comparison.png"}
    with (folder / "frame_differences.csv").open() as file:
        lines = {row["line"] for row in csv.DictReader(file)}
    full, baseline = (planned.name for planned in trained.plan.trials[1:])
    assert lines == {f"{full}, level 1", f"{full}, level 4", baseline}


def test_a_signature_gives_the_same_bytes_as_the_study(trained: "Trained", drawn: Path) -> None:
    folder = drawn / trained.signature(BASELINE)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    command = ["figures", folder.name[:8], "--out", str(trained.results), "--samples", str(SAMPLES)]
    assert main(arguments=command) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.usefixtures("float64")
def test_a_conditional_model_shows_a_class_in_each_column(trained: "Trained") -> None:
    config = replace(config_of(opened_full(trained)), conditional=True, classes=12)
    torch.manual_seed(0)
    sampler = Sampler(config, build_generator(config).eval(), CPU)
    shown, measured = sampler.shown(range(12)), sampler.measured(range(14))
    assert shown.labels_N is not None
    assert measured.labels_N is not None
    assert shown.labels_N.tolist() == [0, 2, 4, 6, 8, 10] * 2
    assert measured.labels_N.tolist() == [*range(12), 0, 1]
    z_NZ = shown.z_NZ[:1].repeat(3, 1)
    first, second, third = sampler.videos(Codes(z_NZ, torch.tensor([0, 0, 1])))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-10)
    assert (first - third).abs().max() > 1e-3
    progress: list[tuple[int, int]] = []
    figures = list(figures_of(sampler, 6, lambda *told: progress.append(told)))
    assert len(figures) == 11
    assert figures[0].caption.endswith("A class in each column.")
    assert progress == [(4, 6), (6, 6)]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("zz", "no trial begins with 'zz'"),
        ("", "3 trials begin with ''"),
        ("no_such.py", "no_such.py is no such file"),
    ],
)
def test_what_is_not_there_is_told(
    what: str, message: str, trained: "Trained", capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments=["figures", what, "--out", str(trained.results)]) == 2
    told = capsys.readouterr().out
    assert message in told
    if not what.endswith(".py"):
        assert all(planned.signature in told for planned in trained.plan.trials)


def test_what_can_not_be_drawn_is_told(
    trained: "Trained", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*command: str) -> str:
        assert main(arguments=["figures", *command, "--out", str(tmp_path)]) == 2
        return " ".join("".join(capsys.readouterr()).split())

    signature = trained.signature(FULL)
    folder = tmp_path / "trials" / signature
    assert "that has figures is finished" in told(str(trained.study))
    shutil.copytree(trained.results / "trials" / signature, folder)
    assert "must be a whole number of at least 2, or there is no interval" in told(
        signature, "--samples", "1"
    )

    result = TrialResult.read(folder)
    assert result is not None
    next(folder.glob(f"checkpoints/*{result.best}/state.safetensors")).write_bytes(b"damaged")
    assert "its manifest gives" in told(signature)
    replace(result, state="collapsed", best=None).write(folder)
    assert "collapsed before its first snapshot" in told(signature)
    (folder / "result.json").unlink()
    assert "is not finished" in told(signature)
    assert not (tmp_path / "figures").exists()

    judge = trained.signature("c3d")
    shutil.copytree(trained.results / "trials" / judge, tmp_path / "trials" / judge)
    assert f"trial {judge} is a c3d, which has no figures" in told(judge)
