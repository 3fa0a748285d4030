"""TGANv2 and its baselines: configs for studies, without torch."""

from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.scales import of_what_is_scored, paper, smoke, toy

__all__ = ["VideoGANConfig", "of_what_is_scored", "paper", "smoke", "toy"]
