from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from retable.evaluation.features import ClassifierConfig, FeatureExtractor
from retable.store.formats.result import TrialResult
from retable.trial.config import TrialConfig

CPU = torch.device("cpu")


def extractor(judge: torch.nn.Module, config: TrialConfig) -> FeatureExtractor:
    assert isinstance(config, ClassifierConfig)
    return FeatureExtractor(
        judge, kind="linear", frames=config.data.frames, resize=config.resize, accuracy=0.5, device=CPU
    )


def test_the_best_snapshot_of_a_finished_trial_is_loaded(
    classifier_folder: Path, judge: torch.nn.Module, config: TrialConfig
) -> None:
    loaded = FeatureExtractor.load(classifier_folder, config, CPU)
    clips = torch.rand(3, 3, 2, 4, 4) * 2 - 1
    torch.testing.assert_close(loaded.features(clips), judge(clips), rtol=0, atol=0)
    assert loaded.accuracy == 6 / 7
    assert not loaded.network.training


@pytest.mark.usefixtures("float64")
def test_other_sizes_are_resized_between_corner_centres(judge: torch.nn.Module, config: TrialConfig) -> None:
    clips = torch.rand(2, 3, 2, 7, 9) * 2 - 1
    resized = torch.stack(
        [
            functional.interpolate(clips[:, :, t], size=(4, 4), mode="bilinear", align_corners=True)
            for t in range(2)
        ],
        dim=2,
    )
    torch.testing.assert_close(resized[..., 0, 0], clips[..., 0, 0])
    torch.testing.assert_close(resized[..., -1, -1], clips[..., -1, -1])
    found = extractor(judge, config).features(clips)
    torch.testing.assert_close(found, judge(resized))
    assert not found[0].requires_grad


@pytest.mark.usefixtures("float64")
def test_values_beyond_the_range_are_clipped(judge: torch.nn.Module, config: TrialConfig) -> None:
    clips = torch.randn(2, 3, 2, 4, 4) * 3
    torch.testing.assert_close(extractor(judge, config).features(clips), judge(clips.clamp(-1, 1)))


def test_the_name_is_the_hash_of_the_weights(judge: torch.nn.Module, config: TrialConfig) -> None:
    before = extractor(judge, config)
    assert before.name == f"linear-{before.weights[:6]}"
    assert len(before.weights) == 64
    assert extractor(judge, config).weights == before.weights
    with torch.no_grad():
        judge.logits.bias[0] += 1e-6  # type: ignore[operator, index, union-attr]
    assert extractor(judge, config).weights != before.weights


def test_clips_of_another_length_are_refused(judge: torch.nn.Module, config: TrialConfig) -> None:
    with pytest.raises(ValueError, match="judges clips of 2 frames, but got clips of 3 frames"):
        extractor(judge, config).features(torch.zeros(1, 3, 3, 4, 4))


def test_only_a_finished_classifier_can_be_loaded(
    classifier_folder: Path, config: TrialConfig, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="is not finished: .*result.json is missing"):
        FeatureExtractor.load(tmp_path, config, CPU)
    result = TrialResult.read(classifier_folder)
    assert result is not None
    replace(result, best=None, state="collapsed").write(classifier_folder)
    with pytest.raises(ValueError, match="collapsed before its first snapshot"):
        FeatureExtractor.load(classifier_folder, config, CPU)
    replace(result, scores={}).write(classifier_folder)
    with pytest.raises(
        ValueError, match=r"must hold one accuracy of the classifier, but its scores are \[\]"
    ):
        FeatureExtractor.load(classifier_folder, config, CPU)


def test_a_config_that_is_no_classifier_is_refused(classifier_folder: Path) -> None:
    other = TrialConfig(iterations=1, batch_size=1, snapshot_every=1)
    with pytest.raises(TypeError, match="must have `data`, `resize` and `classifier`, but got TrialConfig"):
        FeatureExtractor.load(classifier_folder, other, CPU)
