"""Conditional ablation of TGANv2: with and without the classes of clips, Tables 7 and 8.

Saito et al., "Train Sparsely, Generate Densely: Memory-efficient Unsupervised Training of High-resolution Temporal
GAN" (IJCV 2020), sections 4.6 and 5.11. The unconditional trials are those of the subsampling ablation.
"""

from dataclasses import replace

from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from studies.claims.tganv2 import CONDITIONAL
from studies.subsampling_ablation import BASE, batch, stride
from studies.subsampling_ablation import STUDY as SUBSAMPLING
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.scales import smoke, toy

SIZES = tuple(Row(f"batch {size}", batch(BASE, size), model="Our model") for size in (16, 32, 64))


def conditional(config: VideoGANConfig) -> VideoGANConfig:
    """Config with both networks conditioned on the classes, and no other change."""
    return replace(config, conditional=True)


def models(metric: str) -> tuple[Column[VideoGANConfig], ...]:
    """Columns of Tables 7 and 8; the paper calls unconditional models pure."""
    return (
        Column("s_t = 2, pure", metric, stride(2)),
        Column("s_t = 2, conditional", metric, lambda config: conditional(stride(2)(config))),
        Column("s_t = 4, pure", metric, stride(4)),
        Column("s_t = 4, conditional", metric, lambda config: conditional(stride(4)(config))),
    )


STUDY = Study(
    name="conditional_ablation",
    paper=SUBSAMPLING.paper,
    tables=(
        Table("7", "Inception score of pure and conditional models", SIZES, models("is")),
        Table("8", "Fréchet distance of pure and conditional models", SIZES, models("fid")),
    ),
    scales={
        "smoke": Scale(name="smoke", data="embedded", shrink=smoke, tables={"7": 1, "8": 1}),
        "toy": Scale(name="toy", data="embedded", shrink=toy, tables={"7": 1, "8": 1}),
        "paper": Scale(
            name="paper", data="ucf101", shrink=unchanged, tables={"7": None, "8": None}, comparable=True
        ),
    },
    published=SUBSAMPLING.published,
    claims=CONDITIONAL,
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
