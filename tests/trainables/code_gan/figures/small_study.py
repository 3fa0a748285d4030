"""A study of two autoencoders and of two GANs, before and after acceleration, that train in a second."""

from dataclasses import replace

from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from tests.trainables.code_gan.stage_cases import PLANNED_ENCODER, PLANNED_GAN

ENCODER = replace(PLANNED_ENCODER, snapshot_every=1, code_channels=4)
AFTER = replace(PLANNED_GAN, iterations=3, snapshot_every=1, encoder=ENCODER)
BEFORE = replace(AFTER, accelerate=False)
CODES = tuple(Row[TrialConfig](f"h/{divisor}", replace(ENCODER, code_divisor=divisor)) for divisor in (8, 4))
GANS = (Row[TrialConfig]("before", BEFORE), Row[TrialConfig]("after", AFTER))
STUDY = Study(
    name="small",
    paper="Small",
    tables=(
        Table("1", "Codes", CODES, (Column[TrialConfig]("MSE", "mse01"),)),
        Table("2", "GANs", GANS, (Column[TrialConfig]("FID", "fid"),)),
    ),
    scales={
        "smoke": Scale(name="smoke", data="embedded_images", shrink=unchanged, tables={"1": None, "2": None})
    },
)
