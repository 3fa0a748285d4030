"""Images that are too small for a config are told by the plan, and by a run before it decodes any."""

from dataclasses import replace
from pathlib import Path

import pytest

from retable.cli.main import main
from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.data.scan.catalog import scan
from retable.planning.compatibility import Compatibility
from retable.trial.config import TrialConfig
from tests.trainables.code_gan.stage_cases import JUDGE, PLANNED_ENCODER, PLANNED_GAN
from trainables.classifiers.inception.config import Inception
from trainables.code_gan.autoencoder.pretrained import PretrainedAutoencoder
from trainables.code_gan.encoding.config import CodesConfig
from trainables.code_gan.reconstruction.config import ReconstructionConfig
from trainables.code_gan.sampling.config import RealImagesConfig

STUDY = Path(__file__).parent / "figures" / "small_study.py"
IMAGES = ImageSpec(size=16)
HASH = "0" * 64
LARGE = ImageSpec(size=32)  # of what is learned by others, which must not be asked for


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of 15 pixels."""
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    return ensure_embedded_images(images_per_class=2, size=15)


def test_the_plan_and_a_run_refuse_them_before_any_is_decoded(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--tables", "2", "--data", str(small), "--out", str(tmp_path / "results")]
    told = f"20 of 20 images of {small} can't be used (20 too small), and more than 1% may not be skipped"
    assert main(arguments=["plan", str(STUDY), *options]) == 2
    planned = "".join(capsys.readouterr().out.split())
    assert "2cellscan'trun" in planned
    assert f"Trainingwouldnotstart:nocellcanrun:{told}".replace(" ", "") in planned
    assert main(arguments=["run", str(STUDY), "--local", *options]) == 2
    assert told.replace(" ", "") in "".join(capsys.readouterr().out.split())
    assert not list(
        (tmp_path / "cache").rglob("*.arrow")
    )  # not even of the judge, which comes first and takes 8 × 8 pixels
    assert JUDGE.prepare(small) == ""
    assert list((tmp_path / "cache").rglob("*.arrow"))


@pytest.mark.parametrize(
    "config",
    [
        replace(JUDGE, data=IMAGES),
        PLANNED_ENCODER,
        PLANNED_GAN,
        PretrainedAutoencoder(weights=HASH, code_divisor=4, code_channels=3, width=2, data=IMAGES),
        CodesConfig(of=replace(PLANNED_ENCODER, data=LARGE), data=IMAGES),
        ReconstructionConfig(of=replace(PLANNED_ENCODER, data=LARGE), resolution=16),
        RealImagesConfig(of=PLANNED_GAN),
    ],
    ids=lambda config: type(config).__name__,
)
def test_what_a_config_needs_is_what_it_decodes(config: TrialConfig, small: Path) -> None:
    incompatibility = Compatibility(scan(small)).incompatibility(config)
    assert "20 too small" in incompatibility
    with pytest.raises(DataError) as refused:
        config.prepare(small)
    assert str(refused.value) == incompatibility


def test_inception_needs_the_images_that_it_is_shown(small: Path) -> None:
    assert "20 too small" in Compatibility(scan(small)).incompatibility(Inception(weights=HASH, data=IMAGES))
