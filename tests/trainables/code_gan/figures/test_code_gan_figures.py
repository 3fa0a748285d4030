"""`retable figures` on trials of both stages that the real loop has trained."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from retable.cli.main import main
from retable.data.decode.spec import ImageSpec
from retable.data.samples.images import Images
from retable.data.samples.pixels import to_model, to_uint8
from retable.evaluation.config import ImageEvaluation
from retable.figures.kinds import Sheet
from retable.figures.trained_trial import NothingToDraw, TrainedTrial, find, opened
from retable.io.media import GAP, SIDE
from retable.store.checkpoint import Checkpoint
from retable.store.trained import Kept, kept, learnt
from retable.trial.random import stream
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.figures import before_after, reconstructions
from trainables.code_gan.figures.before_after import at_equal_iterations, at_equal_time, side_by_side
from trainables.code_gan.figures.neighbours import Neighbours, Queries, TrainingImages, _verdicts, small
from trainables.code_gan.figures.sampler import Sampler

if TYPE_CHECKING:
    from tests.trainables.code_gan.figures.conftest import Place

OTHER_SIZES = """
from retable.study.table import Row, Table
from tests.trainables.code_gan.figures import small_study
from trainables.code_gan.reconstruction.config import ReconstructionConfig

ROW = Row("at 32 pixels", ReconstructionConfig(of=small_study.ENCODER, resolution=32))
TABLE = small_study.replace(small_study.STUDY.table("1"), rows=(ROW,))
SMOKE = small_study.replace(small_study.STUDY.scales["smoke"], tables={"1": None})
STUDY = small_study.replace(small_study.STUDY, tables=(TABLE,), scales={"smoke": SMOKE})
"""

PITCH = SIDE + GAP
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def drawn(place: "Place") -> Path:
    """The folder of all figures of the study."""
    command = ["figures", str(place.study), "--out", str(place.results), "--samples", "5"]
    assert main(arguments=[*command, "--data", str(place.data)]) == 0
    return place.results / "figures"


def finished(place: "Place", trainable: str, **fields: object) -> TrainedTrial:
    trial, name = find(place.results, place.signature(trainable, **fields))
    return opened(place.results, trial, name, CPU, place.data)


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    files = [name for figure in found["figures"] for name in figure["files"]]
    assert sorted([*files, "figures.json"]) == sorted(path.name for path in folder.iterdir())
    return found


def stills(path: Path, row: int, columns: int, side: int = 16) -> np.ndarray:
    """What a row of a sheet shows, at its own size: uint8 (columns, 3, side, side)."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    margin = picture.shape[1] - columns * PITCH + GAP
    factor = SIDE // side
    cells = [
        picture[row * PITCH : row * PITCH + SIDE, margin + at * PITCH : margin + at * PITCH + SIDE]
        for at in range(columns)
    ]
    return np.stack([cell[::factor, ::factor].transpose(2, 0, 1) for cell in cells])


def test_every_figure_is_there_and_says_what_it_is(place: "Place", drawn: Path) -> None:
    own = {"samples", "interpolation", "neighbours", "memorisation"}
    for accelerate in (False, True):
        signature = place.signature("code_gan", accelerate=accelerate)
        told = manifest(drawn / signature)
        assert {figure["name"] for figure in told["figures"]} == own
        assert (told["signature"], told["iteration"] in (1, 2, 3)) == (signature, True)
    together = manifest(drawn / "small_smoke")
    before, after = (place.signature("code_gan", accelerate=on)[:6] for on in (False, True))
    assert {figure["name"] for figure in together["figures"]} == {
        "memorisation",  # all trials' lines in one plot
        "reconstructions",
        "gans_16",
        f"before_after_{before}_{after}_iterations",
        f"before_after_{before}_{after}_time",
    }
    assert together["scale"] == "smoke"
    by_name = {figure["name"]: figure["caption"] for figure in together["figures"]}
    assert "Figure 4: 64 × 64 images" in by_name["reconstructions"]  # four times as large as in training
    for signature, about in together["trials"].items():
        if place.signature("code_gan", accelerate=True) == signature:
            assert f"{signature} at iteration {about['iteration']}" in by_name["gans_16"]


def test_the_stamp_names_scale_iteration_and_trial(place: "Place") -> None:
    gan = finished(place, "code_gan", accelerate=True)
    assert gan.stamp == f"[smoke scale, iteration {gan.iteration} of trial {gan.trial.signature}]"


def test_samples_are_of_the_averaged_generator_decoded(place: "Place", drawn: Path) -> None:
    for accelerate in (False, True):
        gan = finished(place, "code_gan", accelerate=accelerate)
        sampler = Sampler.of(gan)
        z = np.stack([stream(0, "figure-z", 0, index).standard_normal(3) for index in range(4)])
        generated = sampler.synthesis.generator(torch.tensor(z).float())
        assert generated.shape[1] == (4 if accelerate else 3)
        if sampler.synthesis.codec:
            generated = sampler.synthesis.codec.decode(generated)
        shown = stills(drawn / gan.trial.signature / "samples.png", 0, 6)[:4]
        expected = to_uint8(generated.detach()).numpy()
        np.testing.assert_allclose(shown.astype(int), expected, atol=1)  # rounding may turn at a half
        average = gan.state()["average"]
        for name, value in sampler.synthesis.generator.state_dict().items():
            assert torch.equal(value, average[name])


def test_interpolations_go_from_one_sample_to_another(place: "Place", drawn: Path) -> None:
    folder = drawn / place.signature("code_gan", accelerate=False)
    samples = np.concatenate([stills(folder / "samples.png", row, 6) for row in range(2)])
    for row in range(6):
        between = stills(folder / "interpolation.png", row, 8)
        np.testing.assert_allclose(between[0].astype(int), samples[row], atol=1)
        np.testing.assert_allclose(between[-1].astype(int), samples[6 + row], atol=1)


def test_reconstructions_stand_below_their_images_and_above_their_errors(place: "Place", drawn: Path) -> None:
    trial = finished(place, "code_autoencoder", code_divisor=4)
    test = Images(place.data, ImageSpec(size=16), "test", 0)
    chosen = [number * len(test) // 6 for number in range(6)]
    x_NCHW = to_model(test.evaluation_batch(chosen)[0])
    codec = Codec.of(cast(AutoencoderConfig, trial.trial.config), trial.state())
    y_NCHW = codec.decode(codec.encode(x_NCHW))
    path = drawn / trial.trial.signature / "reconstructions.png"
    np.testing.assert_array_equal(stills(path, 0, 6), to_uint8(x_NCHW).numpy())
    np.testing.assert_allclose(stills(path, 1, 6).astype(int), to_uint8(y_NCHW).numpy(), atol=1)
    error = ((y_NCHW - x_NCHW).abs() * 2 * 255).clamp(0, 255).round()
    np.testing.assert_allclose(stills(path, 2, 6).astype(int), error.numpy(), atol=1)
    with Image.open(drawn / "small_smoke" / "reconstructions.png") as together:
        assert (together.height + GAP) // PITCH == 5  # input, and two rows for each code


def after(iteration: int, seconds: float) -> Kept:
    return Kept(Checkpoint(Path(), "", 1, iteration, {}, None, {}), seconds)


def test_snapshots_are_paired_by_iteration_and_by_time() -> None:
    slow = [after(10, 40.0), after(20, 80.0), after(40, 160.0)]
    fast = [after(20, 20.0), after(30, 30.0), after(40, 41.0)]
    for pair, expected in (
        (at_equal_iterations(slow, fast), (40, 40)),
        (at_equal_iterations(slow[:2], fast), (20, 20)),
        (at_equal_time(slow, fast), (10, 40)),
        (at_equal_time(slow[1:], fast), (20, 40)),  # the slow one had none by then
        (
            at_equal_time(fast, [after(10, 20.0), after(20, 39.0)]),
            (40, 20),
        ),  # 41 s is nearer to 39 s than 30 s is
    ):
        assert pair is not None
        assert tuple(one.snapshot.iteration for one in pair) == expected
    assert at_equal_iterations(slow[:1], fast) is None
    assert at_equal_time([], fast) is None


@pytest.mark.parametrize("times_as_fast", [3.75, 2.55, 5.0, 4.36, 3.92, 5.83])
def test_a_snapshot_is_kept_near_every_equal_time(times_as_fast: float) -> None:
    config = CodeGANConfig(evaluation=ImageEvaluation(classifier=ImageClassifierConfig()))
    snapshots = [after(at, at * times_as_fast) for at in sorted({*config.landmarks(), config.iterations})]
    found = at_equal_time(snapshots, [after(config.iterations, float(config.iterations))])
    assert found is not None
    assert found[0].seconds == pytest.approx(config.iterations, rel=0.15)


def test_before_stands_above_after_on_the_same_noise(place: "Place", drawn: Path) -> None:
    trials = [finished(place, "code_gan", accelerate=accelerate) for accelerate in (False, True)]
    (path,) = (drawn / "small_smoke").glob("*_iterations.png")
    for row, trial in ((0, trials[0]), (3, trials[1])):
        last = kept(trial.folder, trial.trial.signature)[-1]
        assert last.snapshot.iteration == 3
        sampler = Sampler.of(trial, learnt(last.snapshot, "cpu"))
        np.testing.assert_array_equal(stills(path, row, 8), sampler.shown(range(8)))


def pair(place: "Place") -> tuple[TrainedTrial, TrainedTrial]:
    """The GANs before and after acceleration."""
    before, after = (finished(place, "code_gan", accelerate=accelerate) for accelerate in (False, True))
    return before, after


def test_rows_of_a_pair_say_when(place: "Place", monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(folder: Path, signature: str) -> list[Kept]:
        return [replace(kept(folder, signature)[-1], seconds=1234.4)]

    monkeypatch.setattr(before_after, "kept", timed)
    sheets = [one for one in side_by_side(pair(place), lambda done, of: None) if one.name != "gans_16"]
    when = ["3 iterations", "1,234 s"]
    assert [list(cast(Sheet, sheet).rows) for sheet in sheets] == [["before", *when, "after", *when]] * 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"config": {"iterations": 9, "snapshot_every": 3}}, True),
        ({"config": {"lam": 1.0}}, False),
        ({"seed": 1}, False),
        ({"data": "other"}, False),
    ],
)
def test_a_pair_differs_in_acceleration_alone(place: "Place", change: dict[str, Any], expected: bool) -> None:
    before, after = pair(place)
    config = replace(before.trial.config, **change.get("config", {}))
    other = replace(before, trial=replace(before.trial, **{**change, "config": config}))
    assert before_after._accelerates(other, after) is expected
    assert not before_after._accelerates(after, other)


def test_where_files_are_small_reconstructions_are_as_large_as_in_training(
    place: "Place", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstructions, "LARGER", 8)  # 128 pixels, but the files have 64
    trials = [finished(place, "code_autoencoder", code_divisor=divisor) for divisor in (4, 8)]
    (sheet,) = reconstructions.by_code_size(trials, lambda done, total: None)
    assert "Figure 4: 16 × 16 images" in sheet.caption
    assert cast(Sheet, sheet).stills.shape == (5, 6, 3, 16, 16)


def by_rank(*nearest: float) -> Neighbours:
    """Of queries that are so near, and 1 farther from the next."""
    distances_MK = torch.tensor([[near, near + 1] for near in nearest])
    return Neighbours(distances_MK, torch.zeros_like(distances_MK, dtype=torch.int64))


def test_samples_nearer_than_held_out_images_are_counted() -> None:
    held_out = by_rank(*torch.arange(10.0, 31.0).tolist())  # a twentieth of which are nearer than 11
    samples = by_rank(9.0, 20.0, 20.0, 20.0), by_rank(9.0, 9.5, 10.5, 11.5)
    told = _verdicts({"samples": samples, "held-out images": (held_out, held_out)})
    assert "are 25.0% of the samples by pixels" in told
    assert "and 75.0% by features" in told


def queries(x_NCHW: torch.Tensor) -> Queries:
    return Queries("given", len(x_NCHW), lambda numbers: x_NCHW[list(numbers)], 1)


@pytest.mark.usefixtures("float64")
def test_a_copied_training_image_is_found_by_pixels_and_by_features(place: "Place") -> None:
    train = Images(place.data, ImageSpec(size=16), "train", 0)
    training = TrainingImages(train, finished(place, "cnn"))
    x_NCHW = to_model(train.evaluation_batch([3, 7])[0])
    x_NCHW = torch.cat([x_NCHW[:1], x_NCHW[1:].flip(-1)])
    for found in training.nearest_to(queries(x_NCHW)):
        assert found.numbers_MK[:, 0].tolist() == [3, len(train) + 7]  # the second is a mirror image
        assert found.distances_MK[:, 0].max() < 1e-6
        assert found.distances_MK.shape == (2, 5)
        assert (found.distances_MK.diff(dim=1) >= 0).all()
    np.testing.assert_array_equal(training.shown([3]), to_uint8(x_NCHW[:1]).numpy())


@pytest.mark.usefixtures("float64")
def test_pixels_are_compared_as_root_mean_squares_of_small_images(place: "Place") -> None:
    large = torch.rand(2, 3, 64, 64) * 2 - 1
    pooled = torch.nn.functional.avg_pool2d((large + 1) / 2, 2)
    torch.testing.assert_close(small(large), pooled.flatten(1))
    train = Images(place.data, ImageSpec(size=16, flip=False), "train", 0)
    training = TrainingImages(train, finished(place, "cnn"))
    white = torch.ones(1, 3, 16, 16)
    values = train.evaluation_batch(range(len(train)))[0].double() / 255
    expected = (1 - values).square().mean(dim=(1, 2, 3)).sqrt().sort().values
    found, _ = training.nearest_to(queries(white))
    torch.testing.assert_close(found.distances_MK[0], expected[:5], rtol=1e-6, atol=1e-7)


def test_without_the_data_set_the_rest_is_drawn(
    place: "Place", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signature = place.signature("code_gan", accelerate=False)
    shutil.copytree(place.results / "trials", tmp_path / "trials")
    other = tmp_path / "other"
    for number in range(3):
        other.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (number, 0, 0)).save(other / f"{number}.png")
    command = ["figures", signature[:8], "--out", str(tmp_path), "--data", str(other)]
    kept = tmp_path / "figures" / signature
    assert main(arguments=command) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Without the figures after interpolation: " in told
    assert f"but {other} holds" in told
    assert [figure["name"] for figure in json.loads((kept / "figures.json").read_text())["figures"]] == [
        "samples",
        "interpolation",
    ]
    encoder = place.signature("code_autoencoder", code_divisor=8)
    assert main(arguments=["figures", encoder, "--out", str(tmp_path), "--data", str(other)]) == 2
    with pytest.raises(NothingToDraw, match="was trained on data"):
        opened(tmp_path, *find(tmp_path, encoder), CPU, other).data()


def test_trials_that_were_never_begun_are_named(
    place: "Place", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place.results / "trials", tmp_path / "trials")
    command = [
        "figures",
        str(place.study),
        "--out",
        str(tmp_path),
        "--data",
        str(place.data),
        "--samples",
        "5",
    ]

    def told(*options: str) -> tuple[int, str]:
        code = main(arguments=[*command, *options])
        return code, " ".join(capsys.readouterr().out.split())

    code, text = told("--tables", "2", "--seeds", "0,7")
    assert code == 0
    assert "Not drawn, for they were never begun: 2: before, seed 7; 2: after, seed 7" in text

    # What the GANs would learn the codes of is there, and nobody asked for it.
    code, text = told("--tables", "2", "--seeds", "7")
    assert code == 2
    encoder = place.signature("code_autoencoder", code_divisor=4)
    assert f"1 figure in {tmp_path}/figures/{encoder}" in text
    assert "2: before, seed 7; 2: after, seed 7" in text
    assert f"is finished in {tmp_path}, but what others require; train it first" in text

    code, text = told("--tables", "1")
    assert code == 0
    assert "never begun" not in text


def test_what_is_scored_otherwise_is_asked_for_though_it_fills_no_cell(
    place: "Place", tmp_path: Path
) -> None:
    study = tmp_path / "other_sizes.py"
    study.write_text(OTHER_SIZES)
    command = ["figures", str(study), "--out", str(tmp_path), "--data", str(place.data)]
    assert main(arguments=command) == 2
    shutil.copytree(place.results / "trials", tmp_path / "trials")
    assert main(arguments=command) == 0


def test_a_search_has_figures_of_its_points(place: "Place", capsys: pytest.CaptureFixture[str]) -> None:
    study = Path(__file__).parents[4] / "studies" / "code_gan_search.py"
    assert (
        main(arguments=["figures", str(study), "--out", str(place.results)]) == 2
    )  # which has none of its points
    text = " ".join(capsys.readouterr().out.split())
    assert "never begun: code_autoencoder, seed 0; codes: code-GAN, seed 0" in text
    assert "no trial of code_gan_search at scale smoke that has figures is finished" in text
