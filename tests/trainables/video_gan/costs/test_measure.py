from dataclasses import replace

from retable.evaluation.config import Evaluation
from trainables.classifiers.c3d.scales import PAPER as C3D
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.costs.measure import measure_each
from trainables.video_gan.scales import toy


def test_memory_of_the_process_that_measures_is_not_counted() -> None:
    config = toy(VideoGANConfig(s_t=2, batch_size=8, evaluation=Evaluation(classifier=C3D)))
    assert isinstance(config, VideoGANConfig)
    held = bytearray(600 << 20)
    held[::4096] = b"x" * len(held[::4096])  # a new program's own peak lies below this
    (one,) = measure_each([(replace(config, s_t=1), "generator")])
    assert 1 < one.peak_mb < 600
    assert one.seconds > 0
