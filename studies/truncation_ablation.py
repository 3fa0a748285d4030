"""Truncation of z for TGANv2: IS and FID of one trained model by threshold.

The protocol is BigGAN's (Brock et al., ICLR 2019, section 3.1 and Table 2) on TGANv2: z is uniform, so that truncation
narrows its range to [-τ, τ], and the batch norms' statistics are collected again at each τ. The model is the full
model of studies/subsampling_ablation.py, and nothing else is trained. studies/code_gan_truncation.py has the same for
images.
"""

from collections.abc import Mapping
from dataclasses import replace

from retable.evaluation.config import Evaluation
from retable.study.comparisons import Tradeoff
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from trainables.classifiers.c3d.scales import PAPER as C3D
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.sampling.config import RealClipsConfig, SamplingConfig
from trainables.video_gan.scales import of_what_is_scored, paper, smoke, toy

FULL = VideoGANConfig(s_t=2, batch_size=16, evaluation=Evaluation(classifier=C3D))
SAMPLED = SamplingConfig(of=FULL)
THRESHOLDS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

AS_TRAINED = "as trained"


def truncation_table(
    trained: TrialConfig, truncated: Mapping[float, TrialConfig], real: Row[TrialConfig]
) -> Table[TrialConfig]:
    """Rows of a model as it was trained, truncated at each τ, and of real data."""
    rows = (
        Row(AS_TRAINED, trained),
        *(Row(f"τ = {threshold}", config) for threshold, config in truncated.items()),
        real,
    )
    return Table("truncation", "Truncation of z", rows, (Column("IS", "is"), Column("FID", "fid")))


REAL = Row[TrialConfig]("real held-out clips", RealClipsConfig(of=FULL))
TRUNCATED = {threshold: replace(SAMPLED, truncation=threshold) for threshold in THRESHOLDS}
TABLE = truncation_table(FULL, TRUNCATED, REAL)
ALL = {TABLE.number: None}

STUDY = Study(
    name="truncation_ablation",
    paper="Truncation (BigGAN, ICLR 2019) on TGANv2",
    tables=(TABLE,),
    scales={
        "smoke": Scale(name="smoke", data="embedded", shrink=of_what_is_scored(smoke), tables=ALL),
        "toy": Scale(name="toy", data="embedded", shrink=of_what_is_scored(toy), tables=ALL),
        "paper": Scale(
            name="paper", data="ucf101", shrink=of_what_is_scored(paper), tables=ALL, comparable=True
        ),
    },
    tradeoffs=(Tradeoff(TABLE.number, along="truncation", real=REAL.label),),
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
