"""C3D, the classifier behind IS and FID of clips: configs for studies, without torch."""

from trainables.classifiers.c3d.config import C3DConfig
from trainables.classifiers.c3d.pretrained import PretrainedC3D
from trainables.classifiers.c3d.scales import PAPER, SMALL

__all__ = ["PAPER", "SMALL", "C3DConfig", "PretrainedC3D"]
