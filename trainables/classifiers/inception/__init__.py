"""Pretrained Inception-v3, the classifier behind the published FID of images: its config for studies, without torch."""

from trainables.classifiers.inception.config import Inception

__all__ = ["Inception"]
