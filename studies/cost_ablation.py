"""Costs of TGANv2 with and without subsampling layers: its Table 1 and Figure 5, counted and measured on this machine.

Saito et al., "Train Sparsely, Generate Densely: Memory-efficient Unsupervised Training of High-resolution Temporal
GAN" (IJCV 2020). Nothing is trained and no data is read: `python studies/cost_ablation.py` counts the operators that
the networks would run.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table

from retable.io.console import open_console
from retable.study.published import Published
from studies.subsampling_ablation import BASE, BOTH_3D_2D, NAIVE, ONLY_3D, STUDY, batch
from trainables.video_gan.config import VideoGANConfig

if TYPE_CHECKING:
    from retable.costs.flops import Cost


@dataclass(frozen=True)
class CostRow:
    """Row of Table 1.

    Attributes:
        network: network of the config that is counted.
        model: name of the row among the published numbers.
    """

    label: str
    network: Literal["generator", "discriminator"]
    config: VideoGANConfig
    model: str

    def published(self, metric: str) -> float | None:
        """Published number of the row; None if the paper has none."""
        labels = batch(self.config, 1).labels()
        number = Published.load(Path(str(STUDY.published))).find("1", metric, self.model, labels)
        return number.value if number else None


AT_4 = replace(BASE, s_t=4)
ROWS = (
    CostRow("generator, naive", "generator", NAIVE, "generator naive"),
    CostRow("generator, s_t = 2", "generator", BASE, "generator subsampling"),
    CostRow("generator, s_t = 4", "generator", AT_4, "generator subsampling"),
    CostRow("discriminator, naive", "discriminator", NAIVE, "discriminator naive"),
    CostRow("discriminator, s_t = 2", "discriminator", BASE, "discriminator subsampling"),
    CostRow("discriminator, s_t = 4", "discriminator", AT_4, "discriminator subsampling"),
    CostRow("3D discriminator", "discriminator", ONLY_3D, "3D discriminator"),
    CostRow("3D + 2D discriminators", "discriminator", BOTH_3D_2D, "3D+2D discriminators"),
)
Counts = Mapping[str, Mapping[int, "Cost"]]
"""Label of a row -> cost of each level."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the numbers of Table 1 and Figure 5, or the output that the options select. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print Table 1 as JSON and nothing else")
    parser.add_argument("--figure", type=Path, metavar="DIR", help="draw Figure 5 there, as PNG and SVG")
    parser.add_argument(
        "--measure", action="store_true", help="also measure a training step of each row on this machine"
    )
    given = parser.parse_args(arguments)
    if given.json and given.measure:
        parser.error("--json prints Table 1, which is counted; give --measure without it")
    console = open_console()
    counts = counted(ROWS)
    if given.json:
        console.print_json(data=records(counts), indent=2)
    else:
        console.print(table_1(counts), "", by_level(counts), "", sep="\n")
        console.print(parameters_line(), highlight=False)
    if given.figure:
        try:
            files = draw(counts, given.figure)
        except OSError as error:
            parser.error(f"--figure must name a folder that can be written, but got {given.figure}: {error}")
        if not given.json:
            console.print(f"Figure 5: {', '.join(map(str, files))}", highlight=False)
    if given.measure:
        measure(console)
    return 0


def counted(rows: Sequence[CostRow]) -> dict[str, dict[int, "Cost"]]:
    """Cost of each level of each row by the paper's convention, for the forward pass of one clip."""
    from trainables.video_gan.costs.forward import forward_costs

    return {row.label: forward_costs(row.config, row.network) for row in rows}


def total(levels: Mapping[int, "Cost"]) -> "Cost":
    """Sum of all levels."""
    from retable.costs.flops import Cost

    return sum(levels.values(), Cost())


def records(counts: Counts) -> list[dict[str, str | int | float | None]]:
    """Records of Table 1, one for each row."""
    return [
        {
            "row": row.label,
            "gflops": total(counts[row.label]).gflops,
            "memory_mb": total(counts[row.label]).memory_mb,
            "published_gflops": row.published("gflops"),
            "published_memory_mb": row.published("memory_mb"),
            "macs": total(counts[row.label]).macs,
        }
        for row in ROWS
    ]


def table_1(counts: Counts) -> Table:
    """Table 1 with the paper's numbers beside ours, and the plain count beside the paper's."""
    title = "Table 1: a forward pass of one clip of 16 frames at 192 × 192, counted as the paper does"
    headings = (
        "GFLOPs",
        "paper",
        "memory, MB",
        "paper",
        "multiply-accumulates of convolutions and linear layers",
    )
    table = _table(title, headings)
    for record in records(counts):
        table.add_row(
            str(record["row"]),
            f"{record['gflops']:.3f}",
            f"{record['published_gflops']:.2f}",
            f"{record['memory_mb']:.1f}",
            f"{record['published_memory_mb']:.0f}",
            f"{record['macs']:,}",
        )
    table.caption = (
        "A fused multiply-add is one operation. Memory is all that the counted operators write (1 MB = 2^20 bytes), "
        "not the most that is held at once."
    )
    return table


def by_level(counts: Counts) -> Table:
    """Figure 5 in numbers."""
    table = _table("Figure 5: the same by level, GFLOPs / MB", ("level 1", "level 2", "level 3", "level 4"))
    for label, levels in counts.items():
        costs = [levels.get(level) for level in (1, 2, 3, 4)]
        table.add_row(label, *(f"{cost.gflops:.4f} / {cost.memory_mb:.1f}" if cost else "" for cost in costs))
    return table


def parameters_line() -> str:
    """Note on the number of parameters of the networks."""
    import torch

    from retable.costs.flops import parameters
    from trainables.video_gan.networks import build_discriminator, build_generator

    with torch.device("meta"):
        generator, discriminator = build_generator(BASE), build_discriminator(BASE)
    return (
        f"Parameters: generator {parameters(generator):,}, four discriminators {parameters(discriminator):,}."
    )


def draw(counts: Counts, folder: Path) -> tuple[Path, Path]:
    """Draw Figure 5, as PNG and SVG.
    Raises:
        OSError: the folder cannot be written.
    """
    from retable.report.plots.bars import Panel, draw_bars

    panels = []
    for part in ("generator", "discriminator"):
        costs = {
            row.label.removeprefix(f"{part}, "): [counts[row.label][level] for level in (1, 2, 3, 4)]
            for row in ROWS
            if row.label.startswith(part)
        }
        groups = ("level 1", "level 2", "level 3", "level 4")
        gflops = {label: [cost.gflops for cost in levels] for label, levels in costs.items()}
        memory = {label: [cost.memory_mb for cost in levels] for label, levels in costs.items()}
        panels += [Panel(f"{part}: operations", "GFLOPs", groups, gflops)]
        panels += [Panel(f"{part}: memory written", "MB", groups, memory)]
    return draw_bars(panels, folder / "tganv2_figure_5")


def laptop(config: VideoGANConfig) -> VideoGANConfig:
    """Config of a size that two cores train in seconds a step: 128 × 128, a quarter of the widths."""
    return replace(
        config,
        resolution=128,
        base_channels=8,
        clstm_channels=256,
        d_channels=16,
        data=replace(config.data, size=128),
    )


def measure(console: Console) -> None:
    """Print what a training step of each row takes here, with the savings beside the counted ones."""
    from trainables.video_gan.costs.measure import device, measure_each

    at_size = laptop if device().type == "cpu" else lambda config: config
    rows = [replace(row, config=at_size(row.config)) for row in ROWS]
    counts = {label: total(levels) for label, levels in counted(rows).items()}
    config = rows[0].config
    size = (
        "at the paper's widths"
        if config.d_channels == BASE.d_channels
        else "at a quarter of the paper's widths"
    )
    title = (
        f"Measured on this machine ({device().type}): a training step of one clip of {config.frames} frames at "
        f"{config.resolution} × {config.resolution}, {size}"
    )
    headings = ("s", "peak, MB", "time: naive / this", "counted", "memory: naive / this", "counted")
    table = _table(title, headings)
    measured = dict(zip(counts, measure_each([(row.config, row.network) for row in rows]), strict=True))
    for row in rows:
        ours, whole = measured[row.label], measured[f"{row.network}, naive"]
        count, all_count = counts[row.label], counts[f"{row.network}, naive"]
        table.add_row(
            row.label,
            f"{ours.seconds:.3f}",
            f"{ours.peak_mb:.0f}",
            f"{whole.seconds / ours.seconds:.2f}",
            f"{all_count.flops / count.flops:.2f}",
            f"{whole.peak_mb / ours.peak_mb:.2f}",
            f"{all_count.written / count.written:.2f}",
        )
    table.caption = (
        "A generator's step is forward and backward; a discriminator's is its verdict on a real and a generated clip "
        "with all gradients and the penalty. Peak is beside weights and gradients. Ours convolves cheaper than the "
        "graph that is counted, so that the ratios need not agree."
    )
    console.print("", table, sep="\n")


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
