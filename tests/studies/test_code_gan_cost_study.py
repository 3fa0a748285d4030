import json

import pytest

from studies.code_gan_cost import PUBLISHED, ROWS, config_of, main
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.costs.measure import Measured


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "[paper: 4×4×256 and 256×256×64]" in text
    assert "4×4×256, 8×8×256, 16×16×256, 32×32×256, 64×64×128" in text
    assert "256, images 9.37 3.407 M 2.44 3.928 M" in text
    assert "256, codes of h/4 16.8 10.8 4.36 4.31 8 3.75" in text
    assert "512, codes of h/4 39.0 25.4 3.92 3.87 22 2.55" in text
    assert "1024, codes of h/16 16.8 10.8 28.12 28.00 9 25.00" in text
    assert "codes of h/4 × 16 0.408 + 0.408 M 0.67 + 2.48 2.68 + 9.93 10.72 + 39.71 42.88 + 158.85" in text


def test_json_is_the_whole_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [record["row"] for record in found] == [row.label for row in ROWS]
    assert [record["published_minutes"] for record in found] == [30, 8, 56, 22, 225, 45, 19, 9]
    assert found[-1]["generator_macs"] == 2_086_141_952
    assert found[0]["discriminator_parameters"] == 3_927_808


@pytest.mark.parametrize(
    "options",
    [
        ["--json", "--measure"],
        ["--measure", "--resolutions", "128"],
        ["--measure", "--resolutions", "many"],
        ["--measure", "--steps", "19"],
        ["--measure", "--batch-size", "0"],
        ["--resolutions", "512"],
        ["--steps", "20"],
        ["--json", "--batch-size", "4"],
    ],
)
def test_an_option_that_cannot_be_followed(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(options)
    told = capsys.readouterr().err
    assert "but got" in told or "without it" in told or "go with --measure" in told


@pytest.mark.parametrize("finished", [0, 1, 3])
@pytest.mark.parametrize("ending", [KeyboardInterrupt, MemoryError])
def test_what_was_measured_is_printed_however_it_ends(
    finished: int,
    ending: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([1.0, 0.5, 4.0, 0.8][:finished])

    def measured(config: CodeGANConfig, on: object, steps: int) -> Measured:
        for seconds in times:
            return Measured(seconds, config.batch_size, steps)
        raise ending

    monkeypatch.setattr("trainables.code_gan.costs.measure.measure", measured)
    command = ["--measure", "--resolutions", "256,512", "--batch-size", "4"]
    if ending is KeyboardInterrupt:
        assert main(command) == 130
    else:
        with pytest.raises(ending):
            main(command)
    text = " ".join(capsys.readouterr().out.partition("Stage 1")[2].split())
    rows = ["256, images", "256, codes of h/4", "512, images", "512, codes of h/4"]
    assert text.endswith(f"Not measured: {'; '.join(rows[finished:])}.")
    lines = ["256, images 1.000 125.0 30", "256, codes of h/4 0.500 62.5 2.00", "512, images 4.000 500.0 56"]
    assert [line in text for line in lines] == [at < finished for at in range(3)]
    assert [f"{row}: " in text for row in rows] == [
        at < finished for at in range(4)
    ]  # as soon as it was known


def test_what_is_measured_is_what_is_counted() -> None:
    for row in ROWS:
        assert config_of(row, 16).shape == row.shape


def test_every_number_of_the_paper_is_there() -> None:
    lines = PUBLISHED.read_text(encoding="utf-8").splitlines()[1:]
    tables = [line.split(",")[0] for line in lines]
    assert {table: tables.count(table) for table in tables} == {"1": 12, "3": 6, "4": 6, "5": 12, "6": 8}
