"""Transfer ablation of the code-GAN: an encoder of faces for GANs of LSUN's categories, before and after acceleration.

Liu, Yao, Ren, "An Acceleration Framework for High Resolution Image Synthesis" (2019), Table 5: the encoder and the
decoder are trained on CelebA-HQ and never on LSUN. Encoder and GANs are trained on different classes of one data set.
At paper scale this is a folder with `cat`, `airplane`, `bus`, `bird`, `bedroom` and `church_outdoor`, as LSUN's LMDB
folders or folders of images. It also has a folder `celeba_hq`, or the user provides a pretrained encoder (`--encoder
FILE`, trainables/code_gan/README.md). At smoke and toy scale each category is one class of the embedded images, and
the faces are the four other classes.
"""

from dataclasses import replace
from pathlib import Path

from retable.data.decode.spec import ImageSpec
from retable.study.claims import Claim, Place
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from studies.acceleration_ablation import AFTER, pair
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.scales import paper, smoke, toy

FACES = ("celeba_hq",)
CATEGORIES = {
    "cat": "cat",
    "airplane": "airplane",
    "bus": "bus",
    "bird": "bird",
    "bedroom": "bedroom",
    "church": "church_outdoor",
}
"""Name of each category in the paper, and in LSUN."""

EMBEDDED = {
    "celeba_hq": ("Ball", "Gem", "Mug", "Snowman"),
    "cat": ("Cone",),
    "airplane": ("Jack",),
    "bus": ("Cube",),
    "bird": ("Star",),
    "bedroom": ("Ring",),
    "church_outdoor": ("Mushroom",),
}
"""Classes of the embedded images that replace the categories and the faces; each is used once."""

ENCODER = AutoencoderConfig(data=ImageSpec(size=128, classes=FACES))
ROWS = tuple(
    Row[TrialConfig](
        label, replace(AFTER, encoder=ENCODER, data=ImageSpec(size=AFTER.resolution, classes=(name,)))
    )
    for label, name in CATEGORIES.items()
)
COLUMNS: tuple[Column[TrialConfig], ...] = (*pair("fid", "FID "), *pair("kid", "KID "))
TABLE = Table("5", "An encoder trained on faces, GANs of other images, 256 px", ROWS, COLUMNS)
FIRST = {TABLE.number: 2}
"""Default table with two categories; `--tables 5` runs all six."""


def embedded(config: TrialConfig) -> TrialConfig:
    """Config with the classes of the embedded images."""
    assert isinstance(config, CodeGANConfig)
    assert isinstance(config.encoder, AutoencoderConfig)
    return replace(
        config,
        data=_renamed(config.data),
        encoder=replace(config.encoder, data=_renamed(config.encoder.data)),
    )


def _renamed(spec: ImageSpec) -> ImageSpec:
    return replace(spec, classes=tuple(sorted(own for name in spec.classes for own in EMBEDDED[name])))


CLAIM = Claim(
    "4.5, Table 5",
    "with an encoder of other images, acceleration improves the Fréchet distance for every category",
    tuple(Place("5", row.label, "FID after").beats(Place("5", row.label, "FID before")) for row in ROWS),
)

STUDY = Study(
    name="transfer_ablation",
    paper="An Acceleration Framework for High Resolution Image Synthesis (2019)",
    tables=(TABLE,),
    scales={
        "smoke": Scale(
            name="smoke", data="embedded_images", shrink=lambda config: smoke(embedded(config)), tables=FIRST
        ),
        "toy": Scale(
            name="toy", data="embedded_images", shrink=lambda config: toy(embedded(config)), tables=FIRST
        ),
        "paper": Scale(name="paper", data="lsun", shrink=paper, tables={TABLE.number: None}, comparable=True),
    },
    published=Path(__file__).parent / "published" / "code_gan.csv",
    claims=(CLAIM,),
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
