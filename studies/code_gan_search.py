"""Search for λ and the batch size of the code-GAN, for codes of each size.

The first point is λ = 10, as in Liu, Yao, Ren (2019), with a batch of 16, which follows from the paper's days and
minutes. Points are compared at equal iterations: a larger batch sees more images and takes longer.
"""

from dataclasses import replace
from functools import partial

from retable.study.scale import Scale
from retable.study.search import Choice, Halving, Real, Search, Variant
from retable.study.study import Study
from retable.study.table import Row
from studies.acceleration_ablation import AFTER
from studies.code_size_ablation import ENCODER
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.scales import paper, smoke, toy


def _weight(config: CodeGANConfig, lam: float) -> CodeGANConfig:
    return replace(config, lam=lam)


def _batch(size: int, config: CodeGANConfig) -> CodeGANConfig:
    return replace(config, batch_size=size)


def _codes(divisor: int, config: CodeGANConfig) -> CodeGANConfig:
    return replace(config, encoder=replace(ENCODER, code_divisor=divisor))


SEARCH = Search(
    number="codes",
    caption="λ and the batch size by the size of codes",
    rows=(Row("code-GAN", AFTER),),
    grid=tuple(Variant(f"h/{divisor}", partial(_codes, divisor)) for divisor in (4, 8, 16)),
    space=(
        Real("lambda", 0.1, 100.0, _weight, log=True),
        Choice("batch", {str(size): partial(_batch, size) for size in (8, 16, 32, 64)}),
    ),
    objectives=("fid", "is"),
    points={"smoke": 2, "toy": 8, "paper": 20},
    first=({"lambda": 10.0, "batch": "16"},),
    pruner=Halving(first=1, factor=3),
)
SCALE = partial(Scale[CodeGANConfig], tables={SEARCH.number: None})
STUDY = Study(
    name="code_gan_search",
    paper="An Acceleration Framework for High Resolution Image Synthesis (2019)",
    tables=(),
    searches=(SEARCH,),
    scales={
        "smoke": SCALE(name="smoke", data="embedded_images", shrink=smoke),
        "toy": SCALE(name="toy", data="embedded_images", shrink=toy, seeds=(0, 1, 2)),
        "paper": SCALE(name="paper", data="celeba_hq", shrink=paper, seeds=(0, 1, 2), comparable=True),
    },
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
