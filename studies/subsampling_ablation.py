"""Subsampling ablation of TGANv2: Tables 2 to 6 and 9 to 12 over one set of trials.

Saito et al., "Train Sparsely, Generate Densely: Memory-efficient Unsupervised Training of High-resolution Temporal
GAN" (IJCV 2020), sections 5.7 to 5.13. `reference_batch` is the number of clips that one GPU of the paper held: its R1
penalty is a sum over them, so that it is part of what was trained.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from retable.evaluation.config import Evaluation
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from studies.claims.tganv2 import SUBSAMPLING
from trainables.classifiers.c3d.scales import PAPER as C3D
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.scales import smoke, toy

Change = Callable[[VideoGANConfig], VideoGANConfig]

BASE = VideoGANConfig(
    s_t=2,
    S1=True,
    S2=True,
    S3=True,
    lam=0.5,
    batch_size=32,
    reference_batch=8,
    evaluation=Evaluation(classifier=C3D),
)


def naive(config: VideoGANConfig) -> VideoGANConfig:
    """Config with all frames at every level: one clip fills a GPU."""
    return replace(config, s_t=1, S1=False, S2=False, S3=False, reference_batch=1)


def batch(config: VideoGANConfig, size: int) -> VideoGANConfig:
    """Config with that batch size, on fewer or more GPUs with as many clips each as before."""
    return replace(config, batch_size=size, reference_batch=min(config.reference_batch, size))


def stride(s_t: int) -> Change:
    """Change that keeps every s_t-th frame at each of the config's subsampling layers."""
    return lambda config: replace(config, s_t=s_t)


def first_layer(s_t: int) -> Change:
    """Change that turns on S1, the only subsampling layer that affects a discriminator of one level."""
    return lambda config: replace(config, s_t=s_t, S1=True)


NAIVE = naive(BASE)
ONLY_3D = replace(NAIVE, discriminator="3d", lam=10.0, reference_batch=2)
BOTH_3D_2D = replace(ONLY_3D, discriminator="3d+2d")
AT_2 = batch(BASE, 16)
AT_4 = replace(AT_2, s_t=4, S3=False)  # S1 and S2 leave one frame, so the paper calls this its full model

SCORES = (Column[VideoGANConfig]("IS", "is"), Column[VideoGANConfig]("FID", "fid"))
OTHERS = ("VGAN", "TGAN", "MoCoGAN", "ProgressiveVGAN", "ProgressiveVGAN w/ SWL")
SIZES = tuple(Row(f"batch {size}", batch(BASE, size)) for size in (4, 8, 16, 32, 64, 128))
BASELINES = (Row("3D dis. only", batch(ONLY_3D, 16)), Row("3D + 2D dis.", batch(BOTH_3D_2D, 16)))


def methods(*, baselines: int, unsampled: int, ours: int) -> tuple[Row[VideoGANConfig], ...]:
    """Rows of Tables 2 to 4, at the batch size of each method."""
    return (
        Row("Single 3D discriminator only", batch(ONLY_3D, baselines)),
        Row("3D + 2D discriminators", batch(BOTH_3D_2D, baselines)),
        Row("Naive implementation", batch(NAIVE, unsampled)),
        Row("Our model (s_t = 2)", batch(BASE, ours), model="Our model"),
        Row("Our model (s_t = 4)", batch(replace(BASE, s_t=4), ours), model="Our model"),
    )


def strides(metric: str) -> tuple[Column[VideoGANConfig], ...]:
    """Columns of Tables 5 and 6. The paper has no naive model at 64 and 128 clips; it can be trained here."""
    return (
        Column("Naive impl.", metric, naive, model="Naive impl."),
        Column("s_t = 2", metric, stride(2), model="Our model"),
        Column("s_t = 4", metric, stride(4), model="Our model"),
    )


def first_layers(metric: str) -> tuple[Column[VideoGANConfig], ...]:
    """Columns of Tables 11 and 12."""
    return (
        Column("Naive impl.", metric),
        Column("s_t = 2", metric, first_layer(2)),
        Column("s_t = 4", metric, first_layer(4)),
    )


TWO = (*(Row[VideoGANConfig](name) for name in OTHERS), *methods(baselines=8, unsampled=4, ours=32))
NINE = (
    Row("Naive impl.", naive(AT_2)),
    Row("S1", replace(AT_2, S2=False, S3=False)),
    Row("S1+S2", replace(AT_2, S3=False)),
    Row("Full", AT_2),
)
TEN = (
    Row("Naive impl.", naive(AT_4)),
    Row("S1", replace(AT_4, S2=False)),
    Row("S1+S3", replace(AT_4, S2=False, S3=True)),
    Row("Full", AT_4),
)

TABLES = (
    Table("2", "The largest batch that fits four GPUs", TWO, SCORES, reference="Naive implementation"),
    Table(
        "3",
        "The largest batch that fits one GPU",
        methods(baselines=2, unsampled=1, ours=8),
        SCORES,
        reference="Naive implementation",
    ),
    Table(
        "4",
        "32 clips for every method",
        methods(baselines=32, unsampled=32, ours=32),
        SCORES,
        reference="Naive implementation",
    ),
    Table("5", "Inception score by batch size", SIZES, strides("is"), reference="Naive impl."),
    Table("6", "Fréchet distance by batch size", SIZES, strides("fid"), reference="Naive impl."),
    Table(
        "9", "Subsampling layers added one by one, s_t = 2, batch 16", NINE, SCORES, reference="Naive impl."
    ),
    Table(
        "10", "Subsampling layers added one by one, s_t = 4, batch 16", TEN, SCORES, reference="Naive impl."
    ),
    Table(
        "11",
        "Inception score of baselines with one subsampling layer",
        BASELINES,
        first_layers("is"),
        reference="Naive impl.",
    ),
    Table(
        "12",
        "Fréchet distance of baselines with one subsampling layer",
        BASELINES,
        first_layers("fid"),
        reference="Naive impl.",
    ),
)
EVERY = {table.number: None for table in TABLES}

STUDY = Study(
    name="subsampling_ablation",
    paper="TGANv2: Train Sparsely, Generate Densely (IJCV 2020)",
    tables=TABLES,
    scales={
        "smoke": Scale(name="smoke", data="embedded", shrink=smoke, tables={"9": None, "5": 2}),
        "toy": Scale(name="toy", data="embedded", shrink=toy, tables={"9": None}),
        "paper": Scale(name="paper", data="ucf101", shrink=unchanged, tables=EVERY, comparable=True),
    },
    published=Path(__file__).parent / "published" / "tganv2.csv",
    claims=SUBSAMPLING,
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
