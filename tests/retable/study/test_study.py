import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import pytest

from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from retable.trial.identity import Label
from retable.trial.trial import Trial

DATA = "0123456789abcdef"


@dataclass(frozen=True, kw_only=True)
class Judge(TrialConfig):
    trainable: ClassVar[str] = "judge"


@dataclass(frozen=True, kw_only=True)
class Model(TrialConfig):
    trainable: ClassVar[str] = "model"
    stride: int = 2
    last_layer: bool = True
    widths: tuple[int, ...] = (8, 4)

    def canonical(self) -> Self:
        return replace(self, last_layer=self.last_layer and self.stride < 4)

    def labels(self) -> Mapping[str, Label]:
        return {**super().labels(), "stride": self.stride}

    def requires(self) -> tuple[TrialConfig, ...]:
        return (Judge(iterations=5, batch_size=2, snapshot_every=5),)


BASE = Model(iterations=100, batch_size=8, snapshot_every=10)


def halved(config: Model) -> Model:
    return replace(config, iterations=config.iterations // 2)


def strided(config: Model) -> Model:
    return replace(config, stride=4)


def study(published: Path | None = None) -> Study[Model]:
    return Study(
        name="example",
        paper="An example",
        tables=(
            Table(
                number="1",
                caption="",
                rows=(Row("Ours", BASE), Row("Wide", replace(BASE, batch_size=16)), Row("Others")),
                columns=(Column("IS", "is"), Column("IS, stride 4", "is", strided, model="Strided")),
            ),
        ),
        scales={"smoke": Scale(name="smoke", data="embedded", shrink=halved, tables={"1": 1})},
        published=published,
    )


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ((0, 1, 1, 1), "iterations"),
        ((1, -1, 1, 1), "batch_size"),
        ((1, 1, 0, 1), "snapshot_every"),
        ((1, 1, 1, 0), "accumulate"),
    ],
)
def test_counts_must_be_positive(counts: tuple[int, int, int, int], name: str) -> None:
    iterations, batch_size, snapshot_every, accumulate = counts
    with pytest.raises(ValueError, match=f"{name} must be at least 1, but got {min(counts)}"):
        Judge(
            iterations=iterations,
            batch_size=batch_size,
            snapshot_every=snapshot_every,
            accumulate=accumulate,
        )


def test_micro_batches_must_be_equal() -> None:
    with pytest.raises(ValueError, match="accumulate must divide batch_size"):
        replace(BASE, accumulate=3)


def test_cells_row_by_row_at_a_scale() -> None:
    one = study()
    cells = list(one.cells(one.table("1"), one.scales["smoke"]))
    assert [(cell.row, cell.column) for cell in cells] == [
        (row, column) for row in ("Ours", "Wide", "Others") for column in ("IS", "IS, stride 4")
    ]
    assert cells[0].config == replace(BASE, iterations=50)
    assert cells[3].config == replace(BASE, iterations=50, stride=4, batch_size=16)
    assert cells[4].config is None


def test_a_limit_keeps_the_first_rows() -> None:
    one = study()
    assert {cell.row for cell in one.cells(one.table("1"), one.scales["smoke"], limit=2)} == {"Ours", "Wide"}


def test_published_numbers_are_those_of_the_config_before_it_is_shrunk(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text(
        "table,model,stride,iterations,metric,value,std,note\n"
        "1,Ours,2,100,is,2.5,,\n"
        "1,Strided,4,100,is,3.5,0.1,\n"
        "1,Others,,,is,9,,\n",
        encoding="utf-8",
    )
    one = study(path)
    cells = list(one.cells(one.table("1"), one.scales["smoke"]))
    values = [None if cell.published is None else cell.published.value for cell in cells]
    assert values[:5] == [2.5, 3.5, None, 3.5, 9.0]


def test_a_table_that_is_not_declared() -> None:
    with pytest.raises(ValueError, match="declares no table '7'; it has 1"):
        study().table("7")


def test_a_signature_is_sixteen_hex_digits_of_the_identity() -> None:
    trial = Trial(BASE, 3, DATA)
    assert json.loads(json.dumps(trial.identity)) == {
        "trainable": "model",
        "config": {
            "iterations": 100,
            "batch_size": 8,
            "accumulate": 1,
            "snapshot_every": 10,
            "stride": 2,
            "last_layer": True,
            "widths": [8, 4],
        },
        "seed": 3,
        "data": DATA,
        "requires": [required.signature for required in trial.requires()],
    }
    assert len(trial.requires()) == 1
    assert len(trial.signature) == 16
    assert int(trial.signature, 16) >= 0


@pytest.mark.parametrize(
    "other",
    [
        Trial(replace(BASE, stride=3), 0, DATA),
        Trial(replace(BASE, iterations=101), 0, DATA),
        Trial(BASE, 1, DATA),
        Trial(BASE, 0, DATA[::-1]),
        Trial(Judge(iterations=100, batch_size=8, snapshot_every=10), 0, DATA),
    ],
)
def test_what_changes_a_trial_changes_its_signature(other: Trial) -> None:
    assert other.signature != Trial(BASE, 0, DATA).signature


def test_what_cannot_matter_does_not() -> None:
    a, b = (Trial(replace(BASE, stride=4, last_layer=last), 0, DATA) for last in (True, False))
    assert a.signature == b.signature
    a, b = (Trial(replace(BASE, stride=2, last_layer=last), 0, DATA) for last in (True, False))
    assert a.signature != b.signature


def test_a_signature_never_changes() -> None:
    # A change here makes every finished trial of every user a stranger: never do it for beauty.
    assert Trial(BASE, 0, DATA).signature == "ff15ec17bc8dfe00"


def test_required_trials_share_the_data_and_have_seed_0() -> None:
    (required,) = Trial(BASE, 7, DATA).requires()
    assert (required.config.trainable, required.seed, required.data) == ("judge", 0, DATA)
    assert required.requires() == ()


def test_a_study_needs_no_torch() -> None:
    program = "import sys, retable.study, retable.planning.plan; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=900)
