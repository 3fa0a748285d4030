"""What narrowing z's range is worth: IS and FID of one trained model by truncation threshold.

The protocol is BigGAN's (Brock et al., ICLR 2019, section 3.1 and Table 2) on TGANv2: z is uniform, so that its range
narrows to [-τ, τ], and the batch norms' statistics are collected anew at each τ. Nothing is trained but the model
itself, which is the full model of studies/subsampling_ablation.py.
"""

from dataclasses import replace

from retable.metrics.evaluation import Evaluation
from retable.scale import Scale
from retable.study import Column, Row, Study, Table
from retable.tradeoff import Tradeoff
from retable.trial import TrialConfig
from trainables.classifiers.scales import PAPER as C3D
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.sampling import RealClipsConfig, SamplingConfig
from trainables.video_gan.scales import of_what_is_scored, paper, smoke, toy

FULL = VideoGANConfig(s_t=2, batch_size=16, evaluation=Evaluation(classifier=C3D))
SAMPLED = SamplingConfig(of=FULL)
THRESHOLDS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

ROWS = (
    Row[TrialConfig]("as trained", FULL),
    *(
        Row[TrialConfig](f"τ = {threshold}", replace(SAMPLED, truncation=threshold))
        for threshold in THRESHOLDS
    ),
    Row[TrialConfig]("real held-out clips", RealClipsConfig(of=FULL)),
)
TABLE = Table("truncation", "Truncation of z", ROWS, (Column("IS", "is"), Column("FID", "fid")))
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
    tradeoffs=(Tradeoff("truncation", along="truncation", real="real held-out clips"),),
)

if __name__ == "__main__":
    from retable.cli import main_study as main

    raise SystemExit(main(STUDY))
