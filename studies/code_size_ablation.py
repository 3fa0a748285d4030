"""How small may a code be: reconstruction error by the size of codes and images.

Liu, Yao, Ren, "An Acceleration Framework for High Resolution Image Synthesis" (2019), Table 1, whose columns are rows
here. An encoder is trained once for each size of codes, at 128 × 128, and scored at every resolution. The paper does not
say in which range of values its error is, so that its numbers stand beside both.
"""

from dataclasses import replace
from pathlib import Path

from retable.claims import Claim, Place, rising
from retable.scale import Scale
from retable.study import Column, Row, Study, Table
from retable.trial import TrialConfig
from trainables.code_gan.config import AutoencoderConfig
from trainables.code_gan.reconstructing import ReconstructionConfig
from trainables.code_gan.scales import paper, smoke, toy

ENCODER = AutoencoderConfig()
DIVISORS = (2, 4, 8)
RESOLUTIONS = (128, 256, 512, 1024)


def name(divisor: int, resolution: int) -> str:
    """A row's label: the code's size, and that of the paper's images."""
    return f"h/{divisor}, {resolution} px"


RECONSTRUCTIONS = tuple(
    Row[TrialConfig](
        name(divisor, resolution),
        ReconstructionConfig(of=replace(ENCODER, code_divisor=divisor), resolution=resolution),
        model="autoencoder",
    )
    for divisor in DIVISORS
    for resolution in RESOLUTIONS
)
ERRORS = (
    Column[TrialConfig]("MSE of [0, 1]", "mse01", published="mse"),
    Column[TrialConfig]("MSE of [-1, 1]", "mse11", published="mse"),
    Column[TrialConfig]("PSNR, dB", "psnr"),
)
TABLES = (Table("1", "Reconstructions by the size of codes and images", RECONSTRUCTIONS, ERRORS),)
EVERY = {table.number: None for table in TABLES}


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
            for comparison in rising([error(divisor, resolution) for divisor in reversed(DIVISORS)])
        ),
    ),
)

STUDY = Study(
    name="code_size_ablation",
    paper="An Acceleration Framework for High Resolution Image Synthesis (2019)",
    tables=TABLES,
    scales={
        "smoke": Scale(name="smoke", data="embedded_images", shrink=smoke, tables=EVERY),
        "toy": Scale(name="toy", data="embedded_images", shrink=toy, tables=EVERY),
        "paper": Scale(name="paper", data="celeba_hq", shrink=paper, tables=EVERY, comparable=True),
    },
    published=Path(__file__).parent / "published" / "code_gan.csv",
    claims=CLAIMS,
)

if __name__ == "__main__":
    from retable.cli import main_study as main

    raise SystemExit(main(STUDY))
