"""Code size ablation of the code-GAN: reconstructions by the size of codes and images, and the GANs of these codes.

Liu, Yao, Ren, "An Acceleration Framework for High Resolution Image Synthesis" (2019), Tables 1, 4 and 6. The columns
of Table 1 are rows here, and Table 4 is that of studies/acceleration_ablation.py. An encoder is trained once for each
size of codes, at 128 × 128, and used at every resolution. The paper does not say in which range of values the error of
Table 1 is measured, so its numbers stand beside both ranges. Minutes for an epoch are measured on the trials
themselves; studies/code_gan_cost.py has those of the paper's own networks on this machine. Codes are stored as
float16: the last column of Table 1 is the percentage by which this increases the error. At toy scale stage 1 is
trained at twice the size of the first rows of Table 1 (`trainables.code_gan.scales`); the paper trains it at that
size.
"""

from dataclasses import replace
from pathlib import Path

from retable.data.decode.spec import ImageSpec
from retable.study.claims import Claim, Place, rising
from retable.study.comparisons import EqualTime
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from studies.acceleration_ablation import AFTER, IMPROVES
from studies.acceleration_ablation import STUDY as ACCELERATION
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.reconstruction.config import ReconstructionConfig
from trainables.code_gan.scales import paper, smoke, toy

ENCODER = AutoencoderConfig()
DIVISORS = (2, 4, 8, 16)
"""Divisors of Table 6; Table 1 of the paper has no h/16."""
RESOLUTIONS = (128, 256, 512, 1024)


def name(divisor: int, resolution: int) -> str:
    """Label of a row: the size of the code and of the paper's images."""
    return f"h/{divisor}, {resolution} px"


def gan(label: str, resolution: int, divisor: int | None) -> Row[TrialConfig]:
    """Row of a GAN of codes of that divisor, or of images if it is None."""
    config = replace(
        AFTER,
        accelerate=divisor is not None,
        encoder=replace(ENCODER, code_divisor=divisor or ENCODER.code_divisor),
        resolution=resolution,
        data=ImageSpec(size=resolution),
    )
    return Row(label, config, model="after" if divisor else "before")


RECONSTRUCTIONS = tuple(
    Row[TrialConfig](
        name(divisor, resolution),
        ReconstructionConfig(of=replace(ENCODER, code_divisor=divisor), resolution=resolution),
        model="autoencoder",
    )
    for divisor in DIVISORS
    for resolution in RESOLUTIONS
)
PUBLISHED = 12
"""Number of these rows that the paper has."""
ERRORS = (
    Column[TrialConfig]("MSE of [0, 1]", "mse01", published="mse"),
    Column[TrialConfig]("MSE of [-1, 1]", "mse11", published="mse"),
    Column[TrialConfig]("PSNR, dB", "psnr"),
    Column[TrialConfig]("MSE by float16 codes, %", "rounding"),
)
SCORES = (
    Column[TrialConfig]("FID", "fid"),
    Column[TrialConfig]("KID", "kid"),
    *(Column[TrialConfig](metric, metric) for metric in ("precision", "recall")),
)
MINUTES = Column[TrialConfig]("minutes an epoch", "minutes", published="minutes_per_epoch")
SIX = (gan("none", 1024, None), *(gan(f"h/{divisor}", 1024, divisor) for divisor in (4, 8, 16)))
TABLES = (
    Table("1", "Reconstructions by the size of codes and images", RECONSTRUCTIONS, ERRORS),
    ACCELERATION.table("4"),
    Table("6", "Codes of several sizes, 1024 px", SIX, (*SCORES, MINUTES), reference="none"),
)
EVERY = {table.number: None for table in TABLES}
SMOKE = {"1": PUBLISHED, "6": None}
"""Default tables of the smoke scale: ten minutes on two cores; studies/acceleration_ablation.py has Table 4."""
TOY = {"1": None, "4": 1}
"""The GANs of 512 and 1024 px, here 128 and 256, take many hours on two cores; `--tables 4,6` trains them."""


def error(divisor: int, resolution: int) -> Place:
    """Cell of Table 1. The range of values does not change the order of the errors."""
    return Place("1", name(divisor, resolution), ERRORS[0].label)


# That larger images are reconstructed better cannot be a claim: the protocols of images of different sizes differ.
CLAIMS = (
    Claim(
        "Table 1",
        "the larger the codes, the smaller the error",
        tuple(
            comparison
            for resolution in RESOLUTIONS
            for comparison in rising([error(divisor, resolution) for divisor in (8, 4, 2)])
        ),
    ),
    IMPROVES,
    Claim(
        "Table 6",
        "the larger the codes, the better the Fréchet distance, and any codes beat none",
        rising([Place("6", row, "FID") for row in ("none", "h/16", "h/8", "h/4")]),
    ),
    Claim(
        "5, Table 6",
        "the smaller the codes, the shorter an epoch",
        rising([Place("6", row, MINUTES.label) for row in ("none", "h/4", "h/8", "h/16")]),
    ),
)

STUDY = Study(
    name="code_size_ablation",
    paper="An Acceleration Framework for High Resolution Image Synthesis (2019)",
    tables=TABLES,
    scales={
        "smoke": Scale(name="smoke", data="embedded_images", shrink=smoke, tables=SMOKE),
        "toy": Scale(name="toy", data="embedded_images", shrink=toy, tables=TOY),
        "paper": Scale(name="paper", data="celeba_hq", shrink=paper, tables=EVERY, comparable=True),
    },
    published=Path(__file__).parent / "published" / "code_gan.csv",
    claims=CLAIMS,
    equal_times=(*ACCELERATION.equal_times, EqualTime("6", compared="rows")),
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
