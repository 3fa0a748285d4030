"""A small classifier of images, trained on the data set at hand: its config for studies, without torch."""

from trainables.classifiers.cnn.config import ImageClassifierConfig

__all__ = ["ImageClassifierConfig"]
