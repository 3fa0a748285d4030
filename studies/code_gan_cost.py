"""Costs of the code-GAN: operations and parameters, with codes and with images, beside the paper's hours.

Liu, Yao, Ren, "An Acceleration Framework for High Resolution Image Synthesis" (2019). Nothing is trained and no data is
read: `python studies/code_gan_cost.py` counts the operators that a training step would run. The paper gives no layer
counts, so the networks are those that explain its times best (trainables/code_gan/README.md).
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from retable.data.decode.spec import ImageSpec
from retable.evaluation.config import ImageEvaluation
from retable.io.console import open_console
from retable.study.published import Published
from trainables.classifiers.c3d.scales import SMALL
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.stages.channels import Stage2, after, before

if TYPE_CHECKING:
    from trainables.code_gan.costs.measure import Measured
    from trainables.code_gan.costs.training import TrainingCost

EPOCH = 30_000
"""Images of CelebA-HQ in an epoch."""
PUBLISHED = Path(__file__).parent / "published" / "code_gan.csv"


@dataclass(frozen=True)
class CostRow:
    """A GAN of the paper.

    Attributes:
        resolution: of the images.
        divisor: by how much a code is smaller; None for the image GAN, before acceleration.
    """

    resolution: int
    divisor: int | None

    @property
    def label(self) -> str:
        return f"{self.resolution}, " + (f"codes of h/{self.divisor}" if self.divisor else "images")

    @property
    def shape(self) -> Stage2:
        """Networks of the GAN."""
        return after(self.resolution, self.divisor) if self.divisor else before(self.resolution)

    @property
    def minutes(self) -> float:
        """Published minutes for an epoch of 30,000 images."""
        labels = {"resolution": self.resolution} | ({"code_divisor": self.divisor} if self.divisor else {})
        table = "6" if self.divisor in (8, 16) else "3"
        model = "after" if self.divisor else "before"
        number = Published.load(PUBLISHED).find(table, "minutes_per_epoch", model, labels)
        if number is None or number.value is None:
            raise ValueError(f"{PUBLISHED} must have the minutes of {self.label}, but has none")
        return number.value


ROWS = tuple(
    CostRow(resolution, divisor)
    for resolution, divisors in ((256, (None, 4)), (512, (None, 4)), (1024, (None, 4, 8, 16)))
    for divisor in divisors
)
Costs = Mapping[CostRow, "TrainingCost"]
PAPER_MAPS = ("4×4×256 and 256×256×64", "4×4×256 and 64×64×128")
"""Both ends of Table 2's convolutions, before and after."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the costs, or the output that the options select. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the costs as JSON and nothing else")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="also time training steps on this machine and extrapolate an epoch",
    )
    parser.add_argument("--resolutions", type=_numbers, help="measured, such as 256,512,1024 (default: 256)")
    parser.add_argument("--steps", type=int, help="timed steps of each, 20 or more (default: 20)")
    parser.add_argument(
        "--batch-size", type=int, help="images in a measured step (default: 16 on a GPU, 2 on the CPU)"
    )
    given = parser.parse_args(arguments)
    if not given.measure and (given.resolutions, given.steps, given.batch_size) != (None, None, None):
        parser.error("--resolutions, --steps and --batch-size go with --measure")
    resolutions, steps = given.resolutions or (256,), 20 if given.steps is None else given.steps
    unknown = set(resolutions) - {row.resolution for row in ROWS}
    if unknown or steps < 20 or (given.batch_size is not None and given.batch_size < 1):
        parser.error(
            "--resolutions must be among 256, 512 and 1024, --steps at least 20 and --batch-size at least 1, but got "
            f"{','.join(map(str, resolutions))}, {steps} and {given.batch_size}"
        )
    if given.json and given.measure:
        parser.error("--json prints what is counted; give --measure without it")
    console = open_console()
    costs = counted()
    if given.json:
        console.print_json(data=records(costs), indent=2)
    else:
        console.print(
            maps_table(), "", forward_table(costs), "", training_table(costs), "", stage_1_table(), sep="\n"
        )
    if given.measure:
        rows = [row for row in ROWS if row.resolution in resolutions]
        return print_measured(console, costs, rows, steps, given.batch_size)
    return 0


def counted(*, literal: bool = True) -> dict[CostRow, "TrainingCost"]:
    """Costs of each row."""
    from trainables.code_gan.costs.training import training_cost

    shapes = dict.fromkeys(row.shape for row in ROWS)  # codes of one size are of several resolutions
    found = {shape: training_cost(shape, literal=literal) for shape in shapes}
    return {row: found[row.shape] for row in ROWS}


def ratio(costs: Costs, row: CostRow, n_critic: int = 1) -> float:
    """Ratio of the costs of the image GAN of that resolution to the row's."""
    whole = costs[CostRow(row.resolution, None)]
    return whole.each_image(n_critic) / costs[row].each_image(n_critic)


def records(costs: Costs) -> list[dict[str, str | int | float | None]]:
    """Records of all counts and the paper's times, one for each row."""
    return [
        {
            "row": row.label,
            "resolution": row.resolution,
            "code_divisor": row.divisor,
            "generator_macs": cost.generator.macs,
            "generator_parameters": cost.generator.parameters,
            "discriminator_macs": cost.discriminator.macs,
            "discriminator_parameters": cost.discriminator.parameters,
            "training_macs_1": cost.each_image(1),
            "training_macs_5": cost.each_image(5),
            "ratio_1": ratio(costs, row, 1),
            "ratio_5": ratio(costs, row, 5),
            "published_minutes": row.minutes,
            "published_ratio": CostRow(row.resolution, None).minutes / row.minutes,
        }
        for row, cost in costs.items()
    ]


def maps_table() -> Table:
    """Table 2 of the paper: the first and the last map of both networks at 256 px."""
    from trainables.code_gan.costs.maps import maps

    found = [maps(before(256)), maps(after(256))]
    table = Table(title="Table 2: maps at 256 px", title_justify="left", box=None, pad_edge=False)
    for heading, part in (("", 3), ("before acceleration", 4), ("after acceleration", 4)):
        table.add_column(heading, overflow="fold", ratio=part)
    parts = (
        ("generator, dense", [sizes.generator[:1] for sizes in found], ("4096", "4096")),
        ("generator, conv", [sizes.generator[1:-1] for sizes in found], PAPER_MAPS),
        ("generator, output", [sizes.generator[-1:] for sizes in found], ("256×256×3", "64×64×16")),
        ("discriminator, conv", [sizes.discriminator[:-2] for sizes in found], PAPER_MAPS),
        ("discriminator, dense", [sizes.discriminator[-2:-1] for sizes in found], ("256", "256")),
        ("discriminator, output", [sizes.discriminator[-1:] for sizes in found], ("1", "1")),
    )
    for label, ours, papers in parts:
        texts = (
            f"{', '.join(map(_size, those))}\n[paper: {text}]"
            for those, text in zip(ours, papers, strict=True)
        )
        table.add_row(label, *map(Text, texts))
    return table


def _size(map_CHW: tuple[int, ...]) -> str:
    """Size of a map as the paper writes it, such as ``4×4×256``."""
    return "×".join(map(str, (*map_CHW[1:], map_CHW[0])))


def forward_table(costs: Costs) -> Table:
    """Table of the networks' own costs."""
    headings = ("generator, GMAC", "parameters", "discriminator, GMAC", "parameters")
    table = _table("Stage 2, a forward pass of one sample", headings)
    for row, cost in costs.items():
        cells = (
            text
            for network in (cost.generator, cost.discriminator)
            for text in (f"{network.macs / 1e9:.2f}", f"{network.parameters / 1e6:.3f} M")
        )
        table.add_row(row.label, *cells)
    return table


def training_table(costs: Costs) -> Table:
    """Table of the training costs of an image, with the paper's minutes and both ratios."""
    title = "Stage 2, training on one real image: a discriminator's update, and a generator's after every n_critic"
    headings = (
        *("GMAC, n_critic 1", "n_critic 5", "before / after, n_critic 1", "n_critic 5"),
        *("paper: minutes an epoch", "before / after"),
    )
    table = _table(title, headings)
    for record in records(costs):
        ratios = [f"{record[name]:.2f}" for name in ("ratio_1", "ratio_5", "published_ratio")]
        table.add_row(
            str(record["row"]),
            *(f"{float(record[name] or 0) / 1e9:.1f}" for name in ("training_macs_1", "training_macs_5")),
            *(ratios[:2] if record["code_divisor"] else ("", "")),
            f"{record['published_minutes']:.0f}",
            ratios[2] if record["code_divisor"] else "",
        )
    table.caption = (
        "Multiply-accumulates of convolutions and linear layers, layer by layer. Time need not follow them: 512 px takes "
        "the paper's image GAN less time than they would have it."
    )
    return table


def stage_1_table() -> Table:
    """Table of the encoder and the decoder, at every size of codes and images in the paper."""
    from trainables.code_gan.costs.training import autoencoder_costs

    headings = ("parameters", *(f"{resolution}, GMAC" for resolution in (128, 256, 512, 1024)))
    table = _table("Stage 1, a forward pass of one image: encoder + decoder", headings)
    for divisor in (2, 4, 8, 16):
        costs = [autoencoder_costs(resolution, divisor) for resolution in (128, 256, 512, 1024)]
        parameters = " + ".join(f"{network.parameters / 1e6:.3f}" for network in costs[0])
        cells = (" + ".join(f"{network.macs / 1e9:.2f}" for network in pair) for pair in costs)
        table.add_row(f"codes of h/{divisor} × 16", f"{parameters} M", *cells)
    return table


def print_measured(
    console: Console, costs: Costs, rows: Sequence[CostRow], steps: int, batch_size: int | None
) -> int:
    """Time steps of these rows on this machine, and print the results, also after an error. Returns the exit code."""
    times: dict[CostRow, Measured] = {}
    code = 0
    try:
        from trainables.code_gan.costs.measure import device, measure

        on = device()
        for row in rows:
            found = measure(config_of(row, batch_size or (16 if on.type == "cuda" else 2)), on, steps)
            times[row] = found
            # Printed at once, since at 1024 px the next one takes minutes on a CPU.
            console.print(f"{row.label}: {found.seconds:.3f} s a step")
    except KeyboardInterrupt:
        code = 130
    finally:
        if times:  # rows of codes need those of images, which are timed first
            console.print("", measured_table(costs, times), sep="\n")
        if missing := [row.label for row in rows if row not in times]:
            console.print(f"\nInterrupted. Not measured: {'; '.join(missing)}.", highlight=False)
    return code


def measured_table(costs: Costs, times: "Mapping[CostRow, Measured]") -> Table:
    """Table of step times on this machine, with codes and with images, beside the counts and the paper's times."""
    from retable.costs.device import device_name
    from trainables.code_gan.costs.measure import device

    joined = counted(literal=False)
    minutes = {row: found.epoch(EPOCH) / 60 for row, found in times.items()}
    first = next(iter(times.values()))
    headings = (
        *("s a step", "minutes an epoch", "before / after", "counted", "counted layer by layer"),
        *("paper: minutes", "before / after"),
    )
    images = f"{first.images} image{'s' * (first.images > 1)}"
    title = f"Measured on this machine ({device_name(device())}): stage 2 with {images} a step and n_critic 1"
    table = _table(title, headings)
    for row, found in times.items():
        whole = CostRow(row.resolution, None)
        ratios = (minutes[whole] / minutes[row], ratio(joined, row), ratio(costs, row))
        table.add_row(
            row.label,
            f"{found.seconds:.3f}",
            f"{minutes[row]:.1f}",
            *((f"{number:.2f}" for number in ratios) if row.divisor else ("", "", "")),
            f"{row.minutes:.0f}",
            f"{whole.minutes / row.minutes:.2f}" if row.divisor else "",
        )
    table.caption = (
        f"An epoch is {EPOCH:,} images, extrapolated from {first.steps} steps after a few that were not timed. Reading images, "
        "encoding them (once, before) and decoding samples are not in it. Upsampling is joined with the convolution behind "
        "it, which is counted beside it. The paper's minutes are of a P100."
    )
    return table


def config_of(row: CostRow, batch_size: int) -> CodeGANConfig:
    """Config of the timed steps. Nothing is encoded or scored, so any classifier will do."""
    return CodeGANConfig(
        batch_size=batch_size,
        accelerate=row.divisor is not None,
        encoder=AutoencoderConfig(code_divisor=row.divisor or 4),
        resolution=row.resolution,
        data=ImageSpec(size=row.resolution),
        evaluation=ImageEvaluation(classifier=SMALL),
    )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be numbers such as 256,512, but got {text!r}") from error


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
