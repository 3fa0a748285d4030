"""Trials that the authors of TGANv2 report without numbers, as tables that can be filled.

Saito et al., "Train Sparsely, Generate Densely: Memory-efficient Unsupervised Training of High-resolution Temporal
GAN" (IJCV 2020), section 6.1; and two points where the paper and its code differ, Equations 7 and 10. A caption says
what the paper reports. The first row of each table is the full model of the subsampling ablation, the same trial as
there.
"""

from collections.abc import Sequence
from dataclasses import replace

from retable.study.claims import Claim, Place
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from studies.subsampling_ablation import AT_2
from studies.subsampling_ablation import STUDY as SUBSAMPLING
from trainables.video_gan.sampling.config import SamplingConfig
from trainables.video_gan.scales import of_what_is_scored, paper, smoke, toy

FULL = AT_2
LONGER = 24  # frames; a multiple of every stride, and no video of UCF101 or of the embedded set is shorter


def question(number: str, caption: str, *rows: tuple[str, TrialConfig]) -> Table[TrialConfig]:
    """Table of one question: the full model and its variants, with IS and FID."""
    scores = (Column[TrialConfig]("IS", "is"), Column[TrialConfig]("FID", "fid"))
    return Table(number, caption, tuple(Row(label, config) for label, config in rows), scores)


def claim(section: str, says: str, better: str, worse: str, metrics: Sequence[str] = ("IS", "FID")) -> Claim:
    """Claim that one row is better than another."""
    return Claim(
        section, says, tuple(Place(section, better, m).beats(Place(section, worse, m)) for m in metrics)
    )


ONE, STACKED = "One CLSTM, 1024 channels", "Three CLSTMs, 512 channels"
DILATED = "One CLSTM, 1024 channels, dilation 2"
RESNET, PLAIN = "3D ResNet", "Plain 3D convolutions"

TABLES = (
    question(
        "6.1.1",
        "CLSTM layers. Told: a single CLSTM with many channels worked better than stacked ones, the plain one was "
        "better than a dilated one, and more channels improved the score most",
        (ONE, FULL),
        ("One CLSTM, 512 channels", replace(FULL, clstm_channels=512)),
        ("One CLSTM, 2048 channels", replace(FULL, clstm_channels=2048)),
        (STACKED, replace(FULL, clstm_channels=512, clstm_layers=3)),
        (DILATED, replace(FULL, clstm_dilation=2)),
    ),
    question(
        "6.1.2",
        "Longer videos. Told: those longer than in training were sometimes stable and sometimes broken. 16 frames are "
        "scored: the last of the generated ones, or the first of a model trained on more",
        ("Generates 16 frames", FULL),
        ("Generates 24 frames", SamplingConfig(of=FULL, frames=24)),
        ("Generates 32 frames", SamplingConfig(of=FULL, frames=32)),
        ("Trained on 24 frames", replace(FULL, frames=LONGER, data=replace(FULL.data, frames=LONGER))),
    ),
    question(
        "6.1.3",
        "Spectral normalization in the discriminators' 3D convolutions. Told: the performance decreased significantly",
        ("Without", FULL),
        ("With", replace(FULL, spectral_norm=True)),
    ),
    question(
        "6.1.4",
        "Gradient penalty. Told: WGAN-GP's came first and the zero-centred one was simpler; λ = 0.5 was best; the "
        "training went normally without any",
        ("Zero-centred, λ = 0.5", FULL),
        ("WGAN-GP's, λ = 10", replace(FULL, penalty="wgan-gp", lam=10.0)),
        (
            "WGAN-GP's, λ = 10, with its loss and five updates of D",
            replace(FULL, penalty="wgan-gp", lam=10.0, adversarial="wasserstein", n_dis=5),
        ),
        ("None", replace(FULL, penalty="none")),
    ),
    question(
        "6.1.5",
        "Batch normalization in the generator. Told: without it the performance significantly decreased",
        ("With", FULL),
        ("Without", replace(FULL, batch_norm=False)),
    ),
    question(
        "6.1.6",
        "3D discriminator. Told: several 3D convolutional layers without residual blocks score lower and are faster",
        (RESNET, FULL),
        (PLAIN, replace(FULL, d_residual=False)),
    ),
    question(
        "eq7",
        "Loss. The paper's Equation 7 judges the sum of the levels' logits, its code each level by itself",
        ("Mean over levels", FULL),
        ("Equation 7", replace(FULL, loss="eq7")),
    ),
    question(
        "eq10",
        "Batch sub-sampling. The code can halve the samples at each subsampling layer, so that n_l of Equation 10 "
        "falls with the level; the authors turned it off",
        ("All samples at all levels", FULL),
        ("n_l halved from level to level", replace(FULL, batch_stride=2)),
    ),
)
EVERY = {table.number: None for table in TABLES}
# At 32 px the ConvLSTM's maps are 1 × 1, where a dilated kernel equals an undilated one: the last row is left out.
SMALL = EVERY | {"6.1.1": 4}

CLAIMS = (
    claim("6.1.1", "a single CLSTM with many channels beats stacked ones", ONE, STACKED),
    claim("6.1.1", "the plain CLSTM beats a dilated one", ONE, DILATED),
    claim("6.1.1", "more channels are better", ONE, "One CLSTM, 512 channels"),
    claim("6.1.3", "spectral normalization decreases the performance", "Without", "With"),
    claim("6.1.5", "without batch normalization the performance decreases", "With", "Without"),
    claim("6.1.6", "plain convolutions have a lower Inception score than the ResNet", RESNET, PLAIN, ("IS",)),
)

STUDY = Study(
    name="trials_and_errors",
    paper=SUBSAMPLING.paper,
    tables=TABLES,
    scales={
        "smoke": Scale(name="smoke", data="embedded", shrink=of_what_is_scored(smoke), tables=SMALL),
        "toy": Scale(name="toy", data="embedded", shrink=of_what_is_scored(toy), tables=SMALL),
        "paper": Scale(
            name="paper", data="ucf101", shrink=of_what_is_scored(paper), tables=EVERY, comparable=True
        ),
    },
    claims=CLAIMS,
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
