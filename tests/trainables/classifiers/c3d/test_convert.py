"""The converted C3D against the released pipeline written out in numpy and scipy, layer by layer."""

import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_tensors
from scipy.ndimage import correlate

from retable.evaluation.features import FeatureExtractor
from tests.trainables.classifiers.c3d.npz import CLASSES, FC, WIDTHS, random_mean, random_weights, write_npz
from trainables.classifiers.c3d.convert import convert, layer_shapes, main
from trainables.classifiers.c3d.network import C3D, CentredC3D
from trainables.classifiers.c3d.pretrained import Preprocessing, PretrainedC3D
from trainables.classifiers.c3d.scales import PAPER

Doubles = NDArray[np.float64]
small = partial(convert, widths=WIDTHS, fc=FC, classes=CLASSES)


def convolved(x: Doubles, weights: Doubles, bias: Doubles) -> Doubles:
    """3 × 3 × 3, zeros beside the borders, then ReLU: x (C, T, H, W)."""
    out = np.stack([np.full(x.shape[1:], start) for start in bias])
    for k, c in np.ndindex(weights.shape[:2]):
        out[k] += correlate(x[c], weights[k, c], mode="constant")
    rectified: Doubles = np.maximum(out, 0)
    return rectified


def pooled(x: Doubles, kernel: tuple[int, int, int]) -> Doubles:
    """Maxima over blocks; the last block of an axis may be short, so that 7 becomes 4."""
    for axis, size in enumerate(kernel, start=1):
        x = np.maximum.reduceat(x, range(0, x.shape[axis], size), axis=axis)
    return x


def layers(x: Doubles, weights: dict[str, Doubles]) -> Iterator[tuple[str, Doubles]]:
    """Each layer's output for one clip (3, 16, 112, 112) from which the mean is subtracted."""
    for stage, names in enumerate((["1a"], ["2a"], ["3a", "3b"], ["4a", "4b"], ["5a", "5b"])):
        for name in names:
            x = convolved(x, weights[f"conv{name}/W"], weights[f"conv{name}/b"])
            yield f"conv{name}", x
        x = pooled(x, (2 if stage else 1, 2, 2))
        yield f"pool{stage + 1}", x
    flat = x.reshape(-1)
    for name in ("fc6", "fc7"):
        flat = np.maximum(weights[f"{name}/W"] @ flat + weights[f"{name}/b"], 0)
        yield name, flat
    yield "fc8", weights["fc8/W"] @ flat + weights["fc8/b"]


def corner_aligned(frame: Doubles, size: int) -> Doubles:
    """Bilinear between the centres of the corner pixels: frame (H, W)."""
    for axis in (0, 1):
        at = np.linspace(0, frame.shape[axis] - 1, size)
        low = np.minimum(np.floor(at).astype(int), frame.shape[axis] - 2)
        part = (at - low)[:, None]
        lines = np.moveaxis(frame, axis, 0)
        frame = np.moveaxis(lines[low] * (1 - part) + lines[low + 1] * part, 0, axis)
    return frame


def keys_cubic(frame: Doubles, size: int) -> Doubles:
    """OpenCV's bicubic: Keys' kernel with a = -0.75 between the outer edges, borders repeated."""
    a = -0.75
    for axis in (0, 1):
        n = frame.shape[axis]
        at = (np.arange(size) + 0.5) * n / size - 0.5
        first = np.floor(at).astype(int)
        lines = np.moveaxis(frame, axis, 0)
        total = np.zeros((size, *lines.shape[1:]))
        for tap in range(-1, 3):
            d = np.abs(at - (first + tap))
            near = (a + 2) * d**3 - (a + 3) * d**2 + 1
            far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            total += np.where(d <= 1, near, far)[:, None] * lines[np.clip(first + tap, 0, n - 1)]
        frame = np.moveaxis(total, 0, axis)
    return frame


def preprocessed(clip: Doubles, mean: Doubles, preprocessing: Preprocessing) -> Doubles:
    """What enters conv1a, in each of the two evaluations' own order of doing it."""
    bgr = clip[::-1] * 128
    if preprocessing == "code":
        small = np.stack([[corner_aligned(frame, 112) for frame in frames] for frames in bgr])
        return small + 128 - mean[:, :, 8:120, 8:120]
    large = np.stack([[keys_cubic(frame, 128) for frame in frames] for frames in bgr + 128])
    centred: Doubles = (large - mean[..., 21:149])[..., 8:120, 8:120]
    return centred


@pytest.fixture(scope="module", params=["code", "paper"])
def preprocessing(request: pytest.FixtureRequest) -> Preprocessing:
    return "code" if request.param == "code" else "paper"


@pytest.fixture(scope="module")
def clip() -> Doubles:
    return np.random.default_rng(2).uniform(-1, 1, size=(3, 16, 48, 60))


def test_each_layer_agrees_with_numpy(preprocessing: Preprocessing, clip: Doubles, tmp_path: Path) -> None:
    weights, mean = random_weights(), random_mean()
    digest = small(*write_npz(tmp_path, weights, mean), tmp_path / "c3d", preprocessing=preprocessing)
    config = PretrainedC3D.of(tmp_path / "c3d")
    assert (config.weights, config.classes, config.preprocessing) == (digest, CLASSES, preprocessing)

    network = config.classifier({"network": load_tensors(tmp_path / "c3d")})
    seen: dict[str, Doubles] = {}
    for name, module in network.c3d.named_modules():
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.setdefault(name, output)
        )
    extracts = partial(
        FeatureExtractor, kind="c3d", frames=16, resize=config.resize, accuracy=0, device=torch.device("cpu")
    )
    assert extracts(network).name == f"c3d-{digest[:6]}"
    extractor = extracts(network.double())  # numpy's precision: rounding is nothing beside a fault
    logits, features = extractor.features(torch.from_numpy(clip)[None])

    entering = preprocessed(clip, mean.astype(np.float64), preprocessing)
    expected = dict(layers(entering, {key: array.astype(np.float64) for key, array in weights.items()}))
    assert expected["pool4"].shape[1:] == (2, 7, 7)
    assert expected["pool5"].shape == (WIDTHS[-1], 1, 4, 4)
    convolutions = [name for name in expected if name.startswith("conv")]
    for number, name in enumerate(convolutions):
        found = seen[f"convolutions.{number}"]
        assert isinstance(found, torch.Tensor)
        np.testing.assert_allclose(
            torch.relu(found[0]), expected[name], atol=1e-9 * expected[name].max(), err_msg=name
        )
    np.testing.assert_allclose(features[0], expected["fc7"], rtol=1e-9, atol=1e-9 * expected["fc7"].max())
    np.testing.assert_allclose(
        logits[0], expected["fc8"], rtol=1e-9, atol=1e-9 * np.abs(expected["fc8"]).max()
    )
    assert extractor.resize == {"code": "bilinear112", "paper": "bicubic128crop112"}[preprocessing]


def test_the_released_shapes_are_those_of_the_papers_network() -> None:
    with torch.device("meta"):
        network = CentredC3D(C3D(101, PAPER.widths, PAPER.fc, 16, 112), torch.empty(3, 16, 128, 171), left=8)
    shapes = layer_shapes(PAPER.widths, PAPER.fc, 101)
    assert (shapes["fc6/W"], shapes["fc8/W"]) == ((4096, 8192), (101, 4096))
    parameters = [tuple(parameter.shape) for parameter in network.parameters()]
    assert list(shapes.values()) == parameters


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    inputs = write_npz(tmp_path, random_weights(), random_mean())
    first = small(*inputs, tmp_path / "a")
    assert (
        small(*inputs, tmp_path / "b", preprocessing="paper") == first
    )  # the protocol's resize tells them apart
    assert small(*inputs, tmp_path / "c") == first
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes()
    changed = random_weights()
    changed["fc8/b"][0] += 1e-6
    assert small(*write_npz(tmp_path, changed, random_mean()), tmp_path / "d") != first
    other_mean = write_npz(tmp_path, random_weights(), random_mean(5))
    assert small(*other_mean, tmp_path / "e") != first


@pytest.mark.parametrize("shape", [(1, 3, 16, 128, 171), (3, 1, 16, 128, 171), (3 * 16 * 128 * 171,)])
def test_copies_of_the_mean_have_other_axes(shape: tuple[int, ...], tmp_path: Path) -> None:
    mean = random_mean()
    small(*write_npz(tmp_path, random_weights(), mean.reshape(shape)), tmp_path / "out")
    np.testing.assert_array_equal(load_file(tmp_path / "out")["mean"], mean)


def broken(name: str, folder: Path) -> tuple[Path, Path]:
    """Inputs with one thing wrong."""
    weights, mean = random_weights(), random_mean()
    if name == "missing layer":
        del weights["conv3b/W"]
    if name == "sports-1m":
        weights["fc8/b"] = np.zeros(487, np.float32)
    if name == "floor pooling":
        weights["fc6/W"] = np.zeros((FC, WIDTHS[-1] * 9), np.float32)
    if name == "huge":
        weights["fc8/b"] = np.zeros(100_000, np.float32)
    if name == "integers":
        weights["fc8/b"] = np.zeros(CLASSES, np.int64)
    if name == "not finite":
        weights["fc7/W"][0, 0] = np.nan
    if name == "mean below 0":
        mean -= 90
    if name == "mean of 112":
        mean = mean[..., 8:120, 8:120]
    return write_npz(folder, weights, mean)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing layer", "must hold conv3b/W, but holds conv1a/W"),
        ("sports-1m", r"fc8/b of .* must have the shape \(10,\), but has \(487,\)"),
        ("floor pooling", r"fc6/W of .* must have the shape \(6, 32\), but has \(6, 18\)"),
        ("huge", "fc8/b of .* takes 400,128 bytes"),
        ("integers", "must hold floats, but holds int64"),
        ("not finite", "fc7/W of .* has values that are not finite"),
        ("mean below 0", r"mean of .* must lie in 0\.\.255, but lies in -9\.99"),
        ("mean of 112", r"mean of .* must have the shape \(3, 16, 128, 171\), but has \(3, 16, 112, 112\)"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        small(*broken(name, tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(tmp_path / "executed"),))

    weights, mean = write_npz(tmp_path, random_weights(), random_mean())
    payload = np.array([Payload()], dtype=object)
    np.savez(weights, **{**random_weights(), "fc8/b": payload})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="allow_pickle=False"):
        small(weights, mean, tmp_path / "out")
    assert not (tmp_path / "executed").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, mean = write_npz(tmp_path, random_weights(), random_mean())

    def said(*more: str) -> tuple[int, str]:
        code = main(["--mean", str(mean), "--out", str(tmp_path / "out"), *more])
        return code, capsys.readouterr().out.replace("\n", "")

    code, text = said("--weights", str(tmp_path / "none.npz"))
    assert code == 2
    assert "none.npz is no file" in text
    code, text = said("--weights", str(weights))  # small, so it is not the released one
    assert code == 2
    assert "conv1a/W" in text
    weights.write_bytes(weights.read_bytes()[:-100])
    assert not zipfile.is_zipfile(weights)
    code, text = said("--weights", str(weights))
    assert code == 2
    assert "is not a whole npz file" in text
