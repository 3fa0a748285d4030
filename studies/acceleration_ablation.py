"""Acceleration ablation of the code-GAN: minutes for an epoch and quality, with codes and with images.

Liu, Yao, Ren, "An Acceleration Framework for High Resolution Image Synthesis" (2019), Table 3 and, with rows and columns
as printed, Table 4. The columns differ in `accelerate` only. studies/code_size_ablation.py has this Table 4 too and
shares its trials. The report compares trials at equal iterations and at equal training time, since the paper does not say
which of them its Table 4 is at. studies/code_gan_cost.py counts Table 2, the networks' maps.
"""

from dataclasses import replace
from pathlib import Path

from retable.data.decode.spec import ImageSpec
from retable.evaluation.config import ImageEvaluation
from retable.study.claims import Claim, Comparison, Place
from retable.study.comparisons import EqualTime
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.scales import paper, smoke, toy

AFTER = CodeGANConfig(evaluation=ImageEvaluation(classifier=ImageClassifierConfig()))
RESOLUTIONS = (256, 512, 1024)


def before(config: TrialConfig) -> TrialConfig:
    """Config of the same WGAN-GP of images instead of codes."""
    assert isinstance(config, CodeGANConfig)
    return replace(config, accelerate=False)


def pair(metric: str, name: str, published: str = "") -> tuple[Column[TrialConfig], Column[TrialConfig]]:
    """Columns of a metric before and after acceleration."""
    return (
        Column[TrialConfig](f"{name}before", metric, change=before, model="before", published=published),
        Column[TrialConfig](f"{name}after", metric, model="after", published=published),
    )


ROWS = tuple(
    Row[TrialConfig](
        f"{resolution} px", replace(AFTER, resolution=resolution, data=ImageSpec(size=resolution))
    )
    for resolution in RESOLUTIONS
)
SCORES = tuple(
    column
    for metric, name in (("fid", "FID "), ("kid", "KID "), ("precision", "precision "), ("recall", "recall "))
    for column in pair(metric, name)
)
TABLES = (
    Table(
        "3", "Minutes for an epoch of 30,000 images", ROWS, pair("minutes", "", "minutes_per_epoch"), "before"
    ),
    Table("4", "Before and after acceleration", ROWS, SCORES),
)


def minutes(resolution: int, column: str) -> Place:
    """A cell of Table 3."""
    return Place("3", f"{resolution} px", column)


def fid(resolution: int, column: str) -> Place:
    """A cell of Table 4."""
    return Place("4", f"{resolution} px", f"FID {column}")


def faster(resolution: int) -> Comparison:
    """Comparison that holds if two epochs after acceleration take less time than one before it."""
    terms = (minutes(resolution, "after"), 2), (minutes(resolution, "before"), -1)
    return Comparison(f"{resolution} px: before > 2 · after", terms)


IMPROVES = Claim(
    "4.4, Table 4",
    "at every resolution, acceleration improves the Fréchet distance",
    tuple(fid(resolution, "after").beats(fid(resolution, "before")) for resolution in RESOLUTIONS),
)
# Two statements of the paper cannot be claims: that acceleration gains more at high resolution, and that images alone
# fail there. They compare images of different sizes, whose protocols differ.
CLAIMS = (
    Claim(
        "4.2, Table 3",
        "at every resolution, training is more than two times as fast after acceleration",
        tuple(faster(resolution) for resolution in RESOLUTIONS),
    ),
    IMPROVES,
)
FIRST = {"3": 1, "4": 1}
"""The GANs of 512 and 1024 px, at toy scale 128 and 256, take many hours on two cores; `--tables 3,4` trains them."""
TWO = {"3": 2, "4": 2}
EVERY = {table.number: None for table in TABLES}

STUDY = Study(
    name="acceleration_ablation",
    paper="An Acceleration Framework for High Resolution Image Synthesis (2019)",
    tables=TABLES,
    scales={
        "smoke": Scale(name="smoke", data="embedded_images", shrink=smoke, tables=TWO),
        "toy": Scale(name="toy", data="embedded_images", shrink=toy, tables=FIRST, seeds=(0, 1, 2)),
        "paper": Scale(name="paper", data="celeba_hq", shrink=paper, tables=EVERY, comparable=True),
    },
    published=Path(__file__).parent / "published" / "code_gan.csv",
    claims=CLAIMS,
    equal_times=(EqualTime("4"),),
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
