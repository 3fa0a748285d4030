"""A study of two autoencoders and of two GANs, before and after acceleration, that train in a second."""

from dataclasses import replace

from retable.data.image_spec import ImageSpec
from retable.metrics.image_evaluation import ImageEvaluation
from retable.scale import Scale
from retable.study import Column, Row, Study, Table, unchanged
from retable.trial import TrialConfig
from trainables.classifiers.image_config import ImageClassifierConfig
from trainables.code_gan.config import AutoencoderConfig, CodeGANConfig

ENCODER = AutoencoderConfig(
    iterations=2,
    batch_size=2,
    snapshot_every=1,
    code_channels=4,
    width=2,
    d_width=2,
    data=ImageSpec(size=16),
    scored=6,
)
JUDGE = ImageClassifierConfig(
    iterations=1, snapshot_every=1, batch_size=4, widths=(2, 4), features=3, data=ImageSpec(size=8)
)
AFTER = CodeGANConfig(
    iterations=3,
    batch_size=2,
    snapshot_every=1,
    encoder=ENCODER,
    resolution=16,
    z_dim=3,
    width=4,
    data=ImageSpec(size=16),
    evaluation=ImageEvaluation(classifier=JUDGE, samples=8, snapshot_samples=6),
)
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
