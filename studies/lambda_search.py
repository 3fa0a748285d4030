"""Search for the weight λ of the gradient penalty, for TGANv2 at each s_t and for the two baselines.

Saito et al., "Train Sparsely, Generate Densely: Memory-efficient Unsupervised Training of High-resolution Temporal
GAN" (IJCV 2020), section 5.2: the authors settled on 0.5, and on 10.0 for the baselines. These are the first points here.
"""

from dataclasses import replace

from retable.study.scale import Scale
from retable.study.search import Halving, Real, Search, Variant
from retable.study.study import Study
from retable.study.table import Row, unchanged
from studies.subsampling_ablation import BASE, BOTH_3D_2D, ONLY_3D, batch, stride
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.scales import smoke, toy


def weight(config: VideoGANConfig, lam: float) -> VideoGANConfig:
    """Config with that weight of the penalty."""
    return replace(config, lam=lam)


LAMBDA = Real("lambda", 0.02, 50.0, weight, log=True)
POINTS = {"smoke": 2, "toy": 8, "paper": 20}

SEARCHES = (
    Search(
        number="proposed",
        caption="λ of the proposed model",
        rows=(Row("Our model", batch(BASE, 16)),),
        grid=(Variant("s_t = 2", stride(2)), Variant("s_t = 4", stride(4))),
        space=(LAMBDA,),
        objectives=("is", "fid"),
        points=POINTS,
        first=({"lambda": 0.5},),
        pruner=Halving(first=1, factor=3),
    ),
    Search(
        number="baselines",
        caption="λ of the baselines",
        rows=(
            Row("3D dis. only", batch(ONLY_3D, 16)),
            Row("3D + 2D dis.", batch(BOTH_3D_2D, 16)),
        ),
        space=(LAMBDA,),
        objectives=("is", "fid"),
        points=POINTS,
        first=({"lambda": 10.0},),
        pruner=Halving(first=1, factor=3),
    ),
)
EVERY = {search.number: None for search in SEARCHES}

STUDY = Study(
    name="lambda_search",
    paper="TGANv2: Train Sparsely, Generate Densely (IJCV 2020)",
    tables=(),
    searches=SEARCHES,
    scales={
        "smoke": Scale(
            name="smoke", data="embedded", shrink=smoke, tables={"proposed": None, "baselines": 1}
        ),
        "toy": Scale(name="toy", data="embedded", shrink=toy, tables=EVERY, seeds=(0, 1, 2)),
        "paper": Scale(
            name="paper", data="ucf101", shrink=unchanged, tables=EVERY, seeds=(0, 1, 2), comparable=True
        ),
    },
)

if __name__ == "__main__":
    from retable.cli import main

    raise SystemExit(main(STUDY))
