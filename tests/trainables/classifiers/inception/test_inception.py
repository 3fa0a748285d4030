"""Inception-v3 as a user brings it, with a network in the place of torch-fidelity's that has the same interface."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.data.samples.images import Images
from retable.evaluation.config import ImageEvaluation
from retable.evaluation.features import ClassifierConfig, FeatureExtractor
from retable.evaluation.images import ImageEvaluator
from retable.evaluation.pretrained import FILE, PretrainedConfig, TakesWeights, place_weights
from retable.metrics.protocol import Protocol
from retable.planning.plan import make_plan
from retable.store.assignment import Assignment
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.trial import Trial
from studies.code_size_ablation import STUDY
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.classifiers.inception import convert as conversion
from trainables.classifiers.inception.config import Inception
from trainables.classifiers.inception.convert import convert, main
from trainables.classifiers.inception.network import InceptionV3

MODULE = "torch_fidelity.feature_extractor_inceptionv3"
CPU = torch.device("cpu")
OURS = ImageClassifierConfig()


class FakeInception(nn.Module):
    """What the interface asks of torch-fidelity's class: uint8 in, the listed features out, weights from a file."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str) -> None:
        super().__init__()
        assert features_list == ["logits_unbiased", "2048"]
        self.norm = nn.BatchNorm2d(3)
        self.fc = nn.Linear(3, 4)
        self.load_state_dict(torch.load(feature_extractor_weights_path))

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        assert x_NCHW.dtype == torch.uint8
        features = self.norm(x_NCHW.float()).mean(dim=(2, 3))
        return features @ self.fc.weight.T, features


def weights(seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    state = {"norm.weight": 3, "norm.bias": 3, "norm.running_mean": 3, "fc.bias": 4}
    tensors = {name: torch.rand(size, generator=draw) for name, size in state.items()}
    return tensors | {
        "norm.running_var": torch.full((3,), 1e3),
        "fc.weight": torch.randn(4, 3, generator=draw),
    }


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "SHAPES", {"fc.weight": (4, 3), "fc.bias": (4,)})


@pytest.fixture
def torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(MODULE)
    module.FeatureExtractorInceptionV3 = FakeInception  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, MODULE, module)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(weights(), tmp_path / "given.pth")
    convert(tmp_path / "given.pth", tmp_path / "inception.safetensors")
    return tmp_path / "inception.safetensors"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield ensure_embedded_images(images_per_class=2, size=24)


@pytest.fixture
def config(file: Path) -> Inception:
    return Inception.of(file, ImageSpec(size=16))


def a_run(config: Inception, root: Path, folder: Path) -> AssignedRun:
    return AssignedRun(Assignment(Trial(config, 0, "00ff"), folder, root, 1, {}), 0, 1, CPU)


@pytest.mark.usefixtures("torch_fidelity")
def test_its_trial_scores_real_images_and_the_metrics_take_it_up(
    config: Inception, file: Path, root: Path, tmp_path: Path
) -> None:
    assert isinstance(config, PretrainedConfig)
    place_weights(file, tmp_path / "trial")
    run = a_run(config, root, tmp_path / "trial")
    assert config.prepare(root) == ""
    assert loop.train(run.assignment.trial, run) == "done"
    ((name, score),) = json.loads((run.folder / "result.json").read_text())["scores"].items()
    judge = f"inception-{config.weights[:6]}_tfbilinear299"
    assert name.startswith(f"is10x1_{judge}_s1_data-")
    assert 1 < score["value"] <= 4

    assert isinstance(config, ClassifierConfig)
    extractor = FeatureExtractor.load(run.folder, config, CPU)
    assert (extractor.accuracy, extractor.name) == (None, f"inception-{config.weights[:6]}")
    evaluation = ImageEvaluation(classifier=config, samples=10, snapshot_samples=10)
    images = Images(root, ImageSpec(size=24), "train", 0)
    scores = ImageEvaluator(evaluation, run.folder, images, Workers()).scores(
        lambda indices, _: torch.zeros(len(indices), 3, 24, 24), final=False
    )
    assert [name.startswith(f"{family}10x1_{judge}_") for family, name in zip(FAMILIES, scores, strict=True)]
    assert [Protocol.parse(name).accuracy for name in scores] == [""] * 5


FAMILIES = ("is", "fid", "kid", "precision", "recall")


@pytest.mark.usefixtures("torch_fidelity")
@pytest.mark.usefixtures("float64")
def test_it_sees_images_as_files_have_them() -> None:
    state = {f"inception.{name}": tensor for name, tensor in weights().items()}
    network = InceptionV3.of(state).eval()
    u = torch.randint(0, 256, (2, 3, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    logits, features = network(u / 127.5 - 1)
    own = weights()
    shape = (1, 3, 1, 1)
    mean, scale, shift = (own[f"norm.{name}"].view(shape) for name in ("running_mean", "weight", "bias"))
    expected = ((u - mean) / (1e3 + 1e-5) ** 0.5 * scale + shift).mean(dim=(2, 3))
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(logits, expected @ own["fc.weight"].T)


def test_without_the_extra_the_driver_says_so_before_anything_is_computed(
    config: Inception, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ValueError, match=r"needs torch-fidelity, .*pip install retable\[inception\]`"):
        config.prepare(root)


@pytest.mark.usefixtures("torch_fidelity")
def test_only_the_file_of_the_config_is_taken(config: Inception, root: Path, tmp_path: Path) -> None:
    run = a_run(config, root, tmp_path / "trial")
    with pytest.raises(FileNotFoundError, match="is missing; give the file with --classifier FILE again"):
        loop.train(run.assignment.trial, run)
    torch.save(weights(1), tmp_path / "other.pth")
    convert(tmp_path / "other.pth", run.folder / FILE)
    with pytest.raises(ValueError, match="must have the weights .* delete it and run the same command"):
        loop.train(run.assignment.trial, run)


def test_it_stands_in_the_place_of_an_image_classifier(file: Path, tmp_path: Path) -> None:
    assert isinstance(OURS, TakesWeights)
    judged = ImageEvaluation(classifier=OURS).with_classifier(file)
    assert judged.classifier == Inception.of(file, OURS.data)
    with pytest.raises(FileNotFoundError, match=r"is no file; make it with .*inception.convert"):
        OURS.with_weights(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="can't be read"):
        OURS.with_weights(tmp_path / "given.pth")


def test_a_study_of_images_is_judged_by_it_where_it_judges(file: Path) -> None:
    plans = [
        make_plan(STUDY, scale, "00ff", tables=("1", "4"))
        for scale in (STUDY.scales["smoke"], STUDY.scales["smoke"].with_classifier(file))
    ]
    assert not any(cell.obstacle for plan in plans for cell in plan.cells())
    ours, brought = (Counter(one.trial.config.trainable for one in plan.trials) for plan in plans)
    assert ours - brought == {"cnn": 1}
    assert brought - ours == {"inception": 1}


def test_counters_that_a_file_lacks_change_no_identity(file: Path, tmp_path: Path) -> None:
    torch.save(weights() | {"norm.num_batches_tracked": torch.tensor(0)}, tmp_path / "whole.pth")
    spec = ImageSpec(size=16)
    convert(tmp_path / "whole.pth", tmp_path / "whole.safetensors")
    assert Inception.of(tmp_path / "whole.safetensors", spec) == Inception.of(file, spec)


def test_other_files_are_refused(tmp_path: Path) -> None:
    given, out = tmp_path / "bad.pth", tmp_path / "out"
    with pytest.raises(FileNotFoundError, match=r"is no file; docs/inception.md"):
        convert(given, out)
    given.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="is not a file of weights"):
        convert(given, out)
    torch.save(weights() | {"fc.weight": torch.zeros(5, 3)}, given)
    with pytest.raises(ValueError, match=r"fc.weight of .* must have the shape \(4, 3\), but has \(5, 3\)"):
        convert(given, out)
    torch.save(weights() | {"fc.bias": torch.full((4,), torch.nan)}, given)
    with pytest.raises(ValueError, match="not finite"):
        convert(given, out)
    torch.save([1], given)
    with pytest.raises(ValueError, match="must hold weights by name, but holds a list"):
        convert(given, out)
    assert not out.exists()


def test_the_command_says_what_it_made_or_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--weights", str(tmp_path / "w.pth"), "--out", str(tmp_path / "i")]
    assert main(arguments) == 2
    torch.save(weights(), tmp_path / "w.pth")
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert f"inception-{Inception.of(tmp_path / 'i', ImageSpec(size=8)).weights[:6]}" in said.out + said.err


def test_bad_values_are_refused(config: Inception) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        replace(config, weights="0f")
    with pytest.raises(ValueError, match="scored must be at least 1"):
        replace(config, scored=0)
