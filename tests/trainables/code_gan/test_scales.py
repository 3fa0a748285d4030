from dataclasses import replace

import pytest

from retable.data.decode.spec import ImageSpec
from retable.trial.trial import Trial
from tests.trainables.code_gan.stage_cases import ENCODER
from tests.trainables.code_gan.test_config import PAPER, SLOW, at
from trainables.classifiers.c3d.config import C3DConfig
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.reconstruction.config import ReconstructionConfig
from trainables.code_gan.scales import paper, smoke, toy

CONFIGS = [at(size, divisor) for size, divisor in ((256, 4), (512, 4), (1024, 4), (1024, 8), (1024, 16))]
TABLE_1 = [
    ReconstructionConfig(of=AutoencoderConfig(code_divisor=divisor), resolution=resolution)
    for divisor in (2, 4, 8)
    for resolution in (128, 256, 512, 1024)
]


@pytest.mark.parametrize("scale", [smoke, toy, paper])
def test_every_cell_of_the_paper_stays_one_of_its_own(scale: object) -> None:
    assert callable(scale)
    everything = [*CONFIGS, SLOW, replace(PAPER, n_critic=5), *TABLE_1]
    assert len({Trial(scale(config), 0, "data").signature for config in everything}) == len(everything)
    for config in everything:
        assert scale(config).batch_size == config.batch_size


@pytest.mark.parametrize("scale", [smoke, toy])
def test_resolutions_are_a_quarter_and_ratios_stay(scale: object) -> None:
    assert callable(scale)
    shapes = [scale(config).shape for config in CONFIGS]
    assert [shape.resolution for shape in shapes] == [16, 32, 64, 32, 16]
    assert {shape.channels for shape in shapes} == {16}
    assert scale(SLOW).shape.resolution == 64
    assert [scale(config).resolution for config in TABLE_1[:4]] == [32, 64, 128, 256]


def test_at_toy_scale_the_smallest_codes_have_an_inside() -> None:
    smallest = AutoencoderConfig(code_divisor=16)
    assert [scale(smallest).data.size for scale in (smoke, toy, paper)] == [32, 64, 128]


def test_an_encoder_is_shared_by_the_gans_and_the_reconstructions() -> None:
    for scale in (smoke, toy, paper):
        gan, reconstruction = scale(PAPER), scale(TABLE_1[4])
        assert isinstance(gan, CodeGANConfig)
        assert isinstance(reconstruction, ReconstructionConfig)
        assert reconstruction.follows() == gan.requires()[1:2]


def test_a_stranger_is_refused() -> None:
    with pytest.raises(TypeError, match="config of a code-GAN or of its autoencoder, but got C3DConfig"):
        smoke(C3DConfig())


def test_reconstructions() -> None:
    config = ReconstructionConfig(of=ENCODER, resolution=32)
    assert config.data == ImageSpec(size=32)
    assert config.labels()["resolution"] == 32
    assert config.labels()["trained_at"] == 16
    assert config.with_iterations(7).of.iterations == 7
    with pytest.raises(ValueError, match="multiple of code_divisor=4, but got 30"):
        ReconstructionConfig(of=ENCODER, resolution=30)
