"""A study of two models that train in a second; its classifier is as small."""

from dataclasses import replace

from retable.data.decode.spec import ClipSpec
from retable.evaluation.config import Evaluation
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from trainables.classifiers.c3d.scales import SMALL
from trainables.video_gan.config import VideoGANConfig

FRAMES, SIZE = 8, 16
CLIPS = ClipSpec(frames=FRAMES, size=SIZE)
JUDGE = replace(SMALL, data=CLIPS, iterations=1, snapshot_every=1, batch_size=4, widths=(2,) * 8, fc=4)
BASE = VideoGANConfig(
    iterations=2,
    batch_size=4,
    snapshot_every=1,
    resolution=SIZE,
    frames=FRAMES,
    z_dim=6,
    base_channels=2,
    clstm_channels=8,
    d_channels=2,
    lr=1e-3,
    data=CLIPS,
    evaluation=Evaluation(classifier=JUDGE, samples=8, repeats=1, snapshot_samples=8, real_passes=1),
)
ROWS = (
    Row("Full", BASE),
    Row("3D", replace(BASE, discriminator="3d", s_t=1, S1=False)),
)
STUDY = Study(
    name="tiny",
    paper="Tiny",
    tables=(Table("1", "Two models", ROWS, (Column[VideoGANConfig]("IS", "is"),)),),
    scales={"smoke": Scale(name="smoke", data="embedded", shrink=unchanged, tables={"1": None})},
)
