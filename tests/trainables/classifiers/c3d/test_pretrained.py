"""A converted classifier in the place of a trained one: in the plan, in the loop, and in metrics' names."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from retable.data.decode.spec import ClipSpec
from retable.data.embedded.clips import ensure_embedded
from retable.data.samples.clips import Clips, to_model
from retable.evaluation.features import ClassifierConfig, FeatureExtractor
from retable.evaluation.pretrained import FILE, place_weights
from retable.metrics.protocol import Protocol
from retable.planning.plan import make_plan
from retable.store.assignment import Assignment
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.trial import Trial
from studies.subsampling_ablation import BASE, STUDY
from tests.trainables.classifiers.c3d.npz import CLASSES, FC, WIDTHS, random_mean, random_weights, write_npz
from trainables.classifiers.c3d.convert import convert
from trainables.classifiers.c3d.pretrained import PretrainedC3D
from trainables.classifiers.c3d.scales import SMALL

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brought")
    inputs = write_npz(folder, random_weights(), random_mean())
    convert(*inputs, folder / "c3d.safetensors", widths=WIDTHS, fc=FC, classes=CLASSES)
    return folder / "c3d.safetensors"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ten train and ten test videos, with a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield ensure_embedded(clips_per_class=2)


@pytest.fixture
def config(file: Path) -> PretrainedC3D:
    return replace(PretrainedC3D.of(file), data=ClipSpec(size=32))


def a_run(config: PretrainedC3D, root: Path, folder: Path) -> AssignedRun:
    return AssignedRun(Assignment(Trial(config, 0, "00ff"), folder, root, 1, {}), 0, 1, CPU)


def test_its_trial_measures_the_accuracy_and_the_metrics_take_it_up(
    config: PretrainedC3D, file: Path, root: Path, tmp_path: Path
) -> None:
    place_weights(file, tmp_path / "trial")
    run = a_run(config, root, tmp_path / "trial")
    assert config.prepare(root) == ""
    assert loop.train(run.assignment.trial, run) == "done"
    ((name, score),) = json.loads((run.folder / "result.json").read_text())["scores"].items()
    assert isinstance(config, ClassifierConfig)
    extractor = FeatureExtractor.load(run.folder, config, CPU)

    test = Clips(root, config.data, "test", 0)
    clips, labels = test.evaluation_batch(range(len(test)))
    logits, _ = extractor.features(to_model(clips))
    assert score["value"] == extractor.accuracy == int((logits.argmax(1) == labels).sum()) / len(test)
    protocol = Protocol.parse(name)
    assert (protocol.samples, protocol.resize, protocol.split) == (len(test), "bilinear112", "test")
    assert extractor.name == f"c3d-{config.weights[:6]}"


def test_only_the_file_of_the_config_is_taken(
    config: PretrainedC3D, file: Path, root: Path, tmp_path: Path
) -> None:
    run = a_run(config, root, tmp_path / "trial")
    with pytest.raises(FileNotFoundError, match="is missing; give the file with --classifier FILE again"):
        loop.train(run.assignment.trial, run)
    inputs = write_npz(tmp_path, random_weights(3), random_mean())
    convert(*inputs, tmp_path / "other", widths=WIDTHS, fc=FC, classes=CLASSES)
    run.folder.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "other", run.folder / FILE)
    with pytest.raises(ValueError, match="must have the weights .* delete it and run the same command"):
        loop.train(run.assignment.trial, run)


def test_a_data_set_with_other_classes_is_refused_before_any_worker_starts(
    config: PretrainedC3D, root: Path
) -> None:
    with pytest.raises(ValueError, match="tells 101 classes apart, but the data set in .* has 10"):
        replace(config, classes=101).prepare(root)


def test_a_study_is_judged_by_it(file: Path) -> None:
    trained = make_plan(STUDY, STUDY.scales["paper"], "00ff", tables=("9",))
    brought = make_plan(STUDY, STUDY.scales["paper"].with_classifier(file), "00ff", tables=("9",))
    assert len(trained.trials) == len(brought.trials)
    judge = brought.trials[0].trial.config
    assert judge == PretrainedC3D.of(file)
    assert all(trial.requires == (brought.trials[0].signature,) for trial in brought.trials[1:])
    assert not {one.signature for one in trained.trials} & {one.signature for one in brought.trials}


def test_content_and_preprocessing_are_identity_and_the_path_is_not(file: Path, tmp_path: Path) -> None:
    def signature(path: Path) -> str:
        return Trial(BASE.with_classifier(path), 0, "00ff").signature

    shutil.copy(file, tmp_path / "moved")
    assert signature(tmp_path / "moved") == signature(file)
    inputs = write_npz(tmp_path, random_weights(), random_mean())
    convert(*inputs, tmp_path / "paper", preprocessing="paper", widths=WIDTHS, fc=FC, classes=CLASSES)
    assert signature(tmp_path / "paper") != signature(file)
    inputs = write_npz(tmp_path, random_weights(4), random_mean())
    convert(*inputs, tmp_path / "moved", widths=WIDTHS, fc=FC, classes=CLASSES)
    assert signature(tmp_path / "moved") != signature(file)  # the file was replaced in this very process


def test_a_file_that_is_none_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is no file; make it with `python -m trainables\.classif"):
        BASE.with_classifier(tmp_path / "none")
    (tmp_path / "text").write_text("text")
    with pytest.raises(ValueError, match=r"can't be read .*; make it with `python -m trainables\.classif"):
        BASE.with_classifier(tmp_path / "text")
    save_file({"fc8/b": np.zeros(101, np.float32)}, tmp_path / "other")
    with pytest.raises(ValueError, match="is not a converted C3D; make it"):
        BASE.with_classifier(tmp_path / "other")
    save_file({"other": np.zeros(3)}, tmp_path / "headed", metadata={"format": "retable c3d code"})
    with pytest.raises(ValueError, match="is not a converted C3D; make it"):
        BASE.with_classifier(tmp_path / "headed")
    with pytest.raises(ValueError, match="a c3d is not scored by a classifier; leave --classifier out"):
        SMALL.with_classifier(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "1a2b"}, "weights must be a SHA-256 in 64 hex digits, but got '1a2b'"),
        ({"preprocessing": "v1"}, r"preprocessing must be one of \('code', 'paper'\), but got 'v1'"),
    ],
)
def test_bad_values_are_named_for_what_was_brought(
    change: dict[str, object], message: str, file: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PretrainedC3D.of(file), **change)  # type: ignore[arg-type]
