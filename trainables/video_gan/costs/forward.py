"""Cost of a forward pass of TGANv2's networks by the convention of the paper's Table 1.

Table 1 was made with chainer-computational-cost 0.1.2 on the authors' networks: forward, one clip, a fused
multiply-add as one operation. That tool knows some functions and passes over the rest, and its "memory" is the sum of
what the functions that it knows have written. Our networks run layer by layer (`literal`) are counted alike, operator
by operator, after four changes to where the authors' graph does the same with other operators.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import torch

from retable.costs.flops import Cost, Op, Rule, Trace, cost
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.modules.blocks import Down
from trainables.video_gan.modules.conv_lstm import ConvLSTM
from trainables.video_gan.modules.discriminator import Discriminator
from trainables.video_gan.modules.generator import Generator
from trainables.video_gan.networks import build_discriminator, build_generator, first_labels

NetworkName: TypeAlias = Literal["generator", "discriminator"]

TABLE_1 = {
    "aten.convolution": Rule(),
    "aten.addmm": Rule(per_output=1),  # the bias: the tool adds it in a linear layer, not in a convolution
    "aten.relu": Rule(per_output=1),
    "aten.leaky_relu": Rule(per_output=1),
    "aten.sigmoid": Rule(per_output=4),
    "aten.add": Rule(per_output=1),
    "aten.mul": Rule(per_output=1),
    "aten.sum": Rule(per_input=1, per_output=-1),
    "aten.avg_pool2d": Rule(per_output=4),  # 2 × 2
    "aten.upsample_nearest2d": Rule(),
    "aten.transpose": Rule(),
    "aten.stack": Rule(),
    "aten.index": Rule(),
    "aten.clone": Rule(),
}
"""What the tool counts. Training-mode batch norm, tanh, splitting and N-dimensional pooling are not in it, reshaping
is free, and a slice is a copy (`aten.clone` below, for our slices are views)."""


def forward_costs(config: VideoGANConfig, network: NetworkName) -> dict[int, Cost]:
    """A forward pass of one clip in training mode by Table 1's convention, for each level (Figure 5).

    What the levels share, such as the ConvLSTM, is counted at level 1.
    """
    config = config.canonical()
    levels, ops = _generate(config) if network == "generator" else _discriminate(config)
    costs: dict[int, Cost] = {}
    level = min(levels.values())
    for op in ops:  # what no block ran belongs to the level of the block that ran before it
        level = next((to for block, to in levels.items() if f"{op.module}.".startswith(block)), level)
        costs[level] = costs.get(level, Cost()) + cost([op], TABLE_1)
    return costs


def video_shapes(config: VideoGANConfig, samples: int) -> list[tuple[int, ...]]:
    """(n_l, 3, T_l, H_l, W_l) of the training videos at the config's levels."""
    config = config.canonical()
    shapes: list[tuple[int, ...]] = []
    for level, one_in in zip(config.levels, config.one_in, strict=True):
        side = config.resolution >> (4 - level)
        shapes.append((-(-samples // one_in), 3, config.frames_by_level[level - 1], side, side))
    return shapes


def _generate(config: VideoGANConfig) -> tuple[dict[str, int], Iterator[Op]]:
    """Names of the generator's blocks with their levels, and what it runs as the authors would."""
    with torch.device("meta"):
        generator = build_generator(config, literal=True)
        z_NZ, labels_N = torch.empty(1, config.z_dim), first_labels(config, 1)
    with torch.no_grad(), Trace(generator) as trace:
        generator(z_NZ, (0, 0, 0), labels_N)
    blocks = len(generator.ups)
    levels = {f"ups.{at}.": max(at - blocks + 5, 1) for at in range(blocks)}
    levels |= {f"renders.{level}.": level for level in generator.levels}
    return levels, _as_authors_generate(trace.ops, generator)


def _discriminate(config: VideoGANConfig) -> tuple[dict[str, int], Iterator[Op]]:
    """Names of the discriminators with their levels, and what they run as the authors' would."""
    with torch.device("meta"):
        discriminator = build_discriminator(config, literal=True)
        videos = [torch.empty(shape) for shape in video_shapes(config, 1)]
        frames, labels_N = torch.zeros(1, dtype=torch.int64), first_labels(config, 1)
    with torch.no_grad(), Trace(discriminator) as trace:
        discriminator(videos, frames, labels_N)
    levels = {f"levels.{at}.": level for at, level in enumerate(config.levels)}
    return levels, _as_authors_discriminator(trace.ops, discriminator)


def _as_authors_generate(ops: Iterable[Op], generator: Generator) -> Iterator[Op]:
    """The authors' ConvLSTM adds a constant, 0 without peepholes, to what goes into each of the three gates; their
    subsampling layers slice at stride 1 too.
    """
    recurrent = {name for name, module in generator.named_modules() if isinstance(module, ConvLSTM)}
    blocks = len(generator.ups)
    subsampled = {f"ups.{at}" for at in range(blocks - 3, blocks)}
    for op in ops:
        if op.module in recurrent and op.name == "aten.sigmoid":
            yield replace(op, name="aten.add")
        block = op.module.removesuffix(".norm").removesuffix(".bn1")
        if block in subsampled and op.name in ("aten.native_batch_norm", "aten.relu"):  # the block's first
            subsampled.remove(block)
            yield replace(op, name="aten.clone")
        yield op


def _as_authors_discriminator(ops: Sequence[Op], discriminator: Discriminator) -> Iterator[Op]:
    """The authors pool both branches of a block before they add them, where we pool odd sizes after; and their frame
    discriminator is made of 2D layers, where ours is of 3D layers on one frame.
    """
    blocks = {name: module for name, module in discriminator.named_modules() if isinstance(module, Down)}
    flat = {name for name, block in blocks.items() if block.conv1.kernel_size[0] == 1}
    leaving = {op.module: op.elements_out for op in ops}  # the last of each module's is what comes out of it
    for op in ops:
        if ".parametrizations." in op.module:  # spectral norm is about kernels; the convention counts videos
            continue
        if op.module in blocks and op.name == "aten.add":
            yield replace(op, elements_out=leaving[op.module])
        elif op.module in flat and op.name == "aten.avg_pool3d":
            yield replace(op, name="aten.avg_pool2d")
        else:
            yield op
