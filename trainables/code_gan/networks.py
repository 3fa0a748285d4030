"""The networks of stage 2, with fresh weights."""

from trainables.code_gan.discriminator import Discriminator
from trainables.code_gan.generator import Generator
from trainables.code_gan.stages.channels import Stage2


def build_generator(shape: Stage2, *, literal: bool = False) -> Generator:
    """G; `literal` runs it layer by layer as the paper has it."""
    return Generator(
        z_dim=shape.z_dim,
        resolution=shape.resolution,
        out_channels=shape.channels,
        width=shape.width,
        pixel_norm=shape.pixel_norm,
        literal=literal,
    )


def build_discriminator(shape: Stage2) -> Discriminator:
    """D."""
    return Discriminator(resolution=shape.resolution, in_channels=shape.channels, width=shape.width)
