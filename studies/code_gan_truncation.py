"""Truncation of z for the code-GAN: IS and FID of one trained model by threshold.

The protocol is BigGAN's, as in studies/truncation_ablation.py, on a model of images. z is normal here: values beyond ±τ
are drawn again until there are none. The code-GAN has no batch norm, so there are no statistics to collect again. The
model is the accelerated GAN of 256 × 256 images in Table 4 of studies/acceleration_ablation.py.
"""

from dataclasses import replace

from retable.study.comparisons import Tradeoff
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Row
from retable.trial.config import TrialConfig
from studies.acceleration_ablation import AFTER
from studies.truncation_ablation import AS_TRAINED, truncation_table
from trainables.code_gan.sampling.config import CodeSamplingConfig, RealImagesConfig
from trainables.code_gan.scales import paper, smoke, toy

SAMPLED = CodeSamplingConfig(of=AFTER)
THRESHOLDS = (2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

REAL = Row[TrialConfig]("real held-out images", RealImagesConfig(of=AFTER))
TRUNCATED = {threshold: replace(SAMPLED, truncation=threshold) for threshold in THRESHOLDS}
TABLE = truncation_table(AFTER, TRUNCATED, REAL)
ALL = {TABLE.number: None}

STUDY = Study(
    name="code_gan_truncation",
    paper="Truncation (BigGAN, ICLR 2019) on the code-GAN",
    tables=(TABLE,),
    scales={
        "smoke": Scale(name="smoke", data="embedded_images", shrink=smoke, tables=ALL),
        "toy": Scale(name="toy", data="embedded_images", shrink=toy, tables=ALL),
        "paper": Scale(name="paper", data="celeba_hq", shrink=paper, tables=ALL, comparable=True),
    },
    tradeoffs=(Tradeoff(TABLE.number, along="truncation", real=REAL.label, whole=AS_TRAINED),),
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
