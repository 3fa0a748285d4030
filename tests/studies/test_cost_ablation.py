import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from retable.costs.flops import Cost, parameters
from studies.cost_ablation import ROWS, counted, laptop, main, records, total
from studies.subsampling_ablation import BASE, NAIVE
from trainables.video_gan.config import VideoGANConfig
from trainables.video_gan.costs.forward import NetworkName, forward_costs
from trainables.video_gan.networks import build_discriminator, build_generator

ROOT = Path(__file__).parents[2]
STRIDES = (1, 2, 4)
PUBLISHED = [
    (45.07, 1019),
    (28.91, 271),
    (26.20, 169),
    (215.74, 1130),
    (53.41, 217),
    (38.40, 135),
    (162.38, 851),
    (168.20, 921),
]
MACS: dict[tuple[int, NetworkName], tuple[int, int, int]] = {
    (192, "generator"): (44_976_439_296, 28_888_399_872, 26_183_761_920),
    (192, "discriminator"): (215_644_295_168, 53_391_675_392, 38_390_091_776),
    (256, "generator"): (79_958_114_304, 51_357_155_328, 46_548_910_080),
    (256, "discriminator"): (383_232_249_856, 94_783_148_032, 68_113_666_048),
}


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[int, Cost]]:
    return counted(ROWS)


def at(s_t: int, resolution: int = 192) -> VideoGANConfig:
    config = NAIVE if s_t == 1 else replace(BASE, s_t=s_t)
    return replace(config, resolution=resolution, data=replace(config.data, size=resolution))


def test_table_1(counts: dict[str, dict[int, Cost]]) -> None:
    found = records(counts)
    assert [(r["published_gflops"], r["published_memory_mb"]) for r in found] == PUBLISHED
    for record, (gflops, memory) in zip(found, PUBLISHED, strict=True):
        assert record["gflops"] == pytest.approx(gflops, abs=0.01), record
        assert record["memory_mb"] == pytest.approx(memory, abs=1), record
    assert total(counts["3D discriminator"]).gflops == pytest.approx(162.386, abs=5e-4)


def test_the_authors_tool_on_the_authors_generator(counts: dict[str, dict[int, Cost]]) -> None:
    cost = total(counts["generator, s_t = 2"])
    assert cost.flops == 28_914_066_432
    assert cost.memory_mb == pytest.approx(270.949, abs=5e-4)


@pytest.mark.parametrize(("resolution", "network"), MACS)
def test_multiply_accumulates_to_the_last_one(resolution: int, network: NetworkName) -> None:
    found = tuple(total(forward_costs(at(s_t, resolution), network)).macs for s_t in STRIDES)
    assert found == MACS[resolution, network]


@pytest.mark.parametrize(
    ("label", "gflops", "memory"),
    [
        ("generator, naive", (24.0521, 4.4508, 4.5228, 12.0466), (92.5, 99.8, 201.4, 625.5)),
        ("generator, s_t = 2", (24.0521, 2.2254, 1.1307, 1.5058), (92.5, 49.9, 50.3, 78.2)),
        ("generator, s_t = 4", (24.0521, 1.1127, 0.2827, 0.7529), (92.5, 25.0, 12.6, 39.1)),
        ("discriminator, naive", (2.6134, 10.1491, 40.5964, 162.3856), (13.4, 53.2, 212.7, 850.8)),
        ("discriminator, s_t = 2", (2.6134, 5.0746, 12.1075, 33.6157), (13.4, 26.7, 54.7, 121.8)),
        ("discriminator, s_t = 4", (2.6134, 3.0269, 6.5525, 26.2100), (13.4, 13.7, 21.6, 86.3)),
    ],
)
def test_figure_5_by_level(
    label: str,
    gflops: tuple[float, ...],
    memory: tuple[float, ...],
    counts: dict[str, dict[int, Cost]],
) -> None:
    levels = counts[label]
    assert sorted(levels) == [1, 2, 3, 4]
    assert [levels[level].gflops for level in (1, 2, 3, 4)] == pytest.approx(gflops, abs=1e-4)
    assert [levels[level].memory_mb for level in (1, 2, 3, 4)] == pytest.approx(memory, abs=0.06)


def test_the_authors_figure_for_eight_clips_at_256() -> None:
    naive = forward_costs(at(1, 256), "discriminator")
    assert [8 * naive[level].gflops for level in (1, 2, 3, 4)] == pytest.approx(
        (36.09, 144.34, 577.37, 2309.48), abs=0.01
    )
    sparse = forward_costs(at(2, 256), "discriminator")
    assert [8 * sparse[level].gflops for level in (3, 4)] == pytest.approx((172.20, 478.09), abs=0.01)


def test_pooling_as_the_paper_describes_it_does_not_give_its_table() -> None:
    for s_t, gflops, memory in ((2, 42.44, 204.0), (4, 26.26, 105.9)):
        cost = total(forward_costs(replace(at(s_t), pooling="paper"), "discriminator"))
        assert cost.gflops == pytest.approx(gflops, abs=0.01)
        assert cost.memory_mb == pytest.approx(memory, abs=0.1)


def test_parameters_of_the_paper() -> None:
    with torch.device("meta"):
        assert parameters(build_generator(at(2))) == 88_032_460
        assert parameters(build_generator(at(2, 256))) == 89_874_636
        assert parameters(build_discriminator(at(2))) == 116_077_060


def run(*options: str) -> str:
    command = [sys.executable, "studies/cost_ablation.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_json_is_the_whole_output(tmp_path: Path) -> None:
    found = json.loads(run("--json", "--figure", str(tmp_path)))
    keys = {"row", "gflops", "memory_mb", "published_gflops", "published_memory_mb", "macs"}
    assert [set(record) for record in found] == [keys] * 8
    assert [record["row"] for record in found] == [row.label for row in ROWS]
    assert found[1]["macs"] == 28_888_399_872
    assert found[1]["gflops"] == 28.914066432
    assert found[7]["published_memory_mb"] == 921
    assert {file.name for file in tmp_path.iterdir()} == {"tganv2_figure_5.png", "tganv2_figure_5.svg"}


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "3D discriminator 162.386 162.38 850.8 851 162,310,128,640" in text
    assert "discriminator, s_t = 4 2.6134 / 13.4 3.0269 / 13.7 6.5525 / 21.6 26.2100 / 86.3" in text
    assert "generator 88,032,460, four discriminators 116,077,060" in text


def test_an_option_that_cannot_be_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("here", encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        main(["--json", "--figure", str(tmp_path / "taken")])
    assert "--figure must name a folder that can be written, but got" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--json", "--measure"])


def test_the_measured_size_is_the_same_model_but_small() -> None:
    small = laptop(replace(BASE, s_t=4))
    assert small.frames_by_level == (16, 4, 1, 1)
    with torch.device("meta"):
        assert parameters(build_generator(small)) * 12 < parameters(build_generator(BASE))


@pytest.mark.slow
def test_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--measure"]) == 0
    text = capsys.readouterr().out.split("Measured on this machine")[1]
    labels = tuple(row.label for row in ROWS)
    rows = [line.split()[-6:] for line in text.splitlines() if line.startswith(labels)]
    assert len(rows) == 8
    for seconds, peak, *ratios in rows:
        assert float(seconds) > 0
        assert float(peak) > 1
        assert min(map(float, ratios)) > 0
    assert [rows[0][2:], rows[3][2:]] == [["1.00"] * 4] * 2
    assert float(rows[4][4]) > 1.5  # a discriminator on sparse videos holds far less
