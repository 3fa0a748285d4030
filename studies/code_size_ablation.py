"""How small may a code be: reconstructions by the size of codes and images, and the GANs that learn them.

Liu, Yao, Ren, "An Acceleration Framework for High Resolution Image Synthesis" (2019), Tables 1, 4 and 6; the first one's
columns are rows here, and Table 4 is that of studies/acceleration_ablation.py. An encoder is trained once for each size
of codes, at 128 × 128, and serves every resolution. The paper does not say in which range of values Table 1's error
is, so that its numbers stand beside both. Minutes for an epoch are measured on the trials themselves; those of the paper's
own networks on this machine are in studies/code_gan_cost.py. Codes are stored as float16: Table 1's last column is by how
many percent that makes the error larger. At toy scale stage 1 learns at twice the size of Table 1's first rows
(`trainables.code_gan.scales`), where the paper's learns at that size.
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
from trainables.code_gan.autoencoder.reconstruction_config import ReconstructionConfig
from trainables.code_gan.config import AutoencoderConfig
from trainables.code_gan.scales import paper, smoke, toy

ENCODER = AutoencoderConfig()
DIVISORS = (2, 4, 8, 16)
"""The paper's Table 1 has no h/16; its Table 6 has."""
RESOLUTIONS = (128, 256, 512, 1024)


def name(divisor: int, resolution: int) -> str:
    """A row's label: the code's size, and that of the paper's images."""
    return f"h/{divisor}, {resolution} px"


def gan(label: str, resolution: int, divisor: int | None) -> Row[TrialConfig]:
    """A GAN of codes of that divisor or, where it is None, of images."""
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
"""Of them, the paper's."""
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
"""In ten minutes on two cores; studies/acceleration_ablation.py has Table 4."""
TOY = {"1": None, "4": 1}
"""The GANs of 512 and 1024 px, here 128 and 256, take many hours on two cores; `--tables 4,6` trains them."""


def error(divisor: int, resolution: int) -> Place:
    """A cell of Table 1. In which range the error is changes no order."""
    return Place("1", name(divisor, resolution), ERRORS[0].label)


# That larger images come back better can't be a claim: errors of images of different sizes are of different protocols.
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
