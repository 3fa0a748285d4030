"""The code-GAN, the image GAN that it accelerates, and their autoencoder: configs for studies, without torch."""

from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.scales import paper, smoke, toy

__all__ = ["AutoencoderConfig", "CodeGANConfig", "paper", "smoke", "toy"]
