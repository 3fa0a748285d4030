from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from retable.study.claims import Claim, Comparison, Place, each_beats, rising
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig

A, B, C = (Place("9", row, "IS") for row in ("A", "B", "C"))


@dataclass(frozen=True, kw_only=True)
class Recipe(TrialConfig):
    trainable: ClassVar[str] = "recipe"
    iterations: int = 10
    batch_size: int = 4
    snapshot_every: int = 5


def study(*comparisons: Comparison) -> Study[Recipe]:
    base = Recipe()
    rows = (Row("A", base), Row("B", replace(base, batch_size=8)))
    columns = (Column[Recipe]("IS", "is"), Column[Recipe]("FID", "fid"))
    table = Table("9", "Two rows", rows, columns, reference="A")
    return Study(
        name="x", paper="x", tables=(table,), scales={}, claims=(Claim("5.1", "so it is", comparisons),)
    )


def test_a_comparison_is_a_weighted_sum() -> None:
    assert A.beats(B).terms == ((A, 1), (B, -1))
    gains = B.gain_over(A).exceeds(C.gain_over(B))
    assert gains.terms == ((B, 1), (A, -1), (C, -1), (B, 1))
    assert sum(weight for _, weight in gains.terms) == 0


def test_text() -> None:
    assert A.beats(B).text == "A over B (IS, Table 9)"
    assert A.beats(replace(A, column="FID")).text == "IS over FID (A, Table 9)"
    assert A.beats(Place("2", "B", "IS")).text == "A, IS (Table 9) over B, IS (Table 2)"
    assert "A over B (IS, Table 9) > B over C" in A.gain_over(B).exceeds(B.gain_over(C)).text


def test_lists_of_comparisons() -> None:
    assert [one.text[:8] for one in rising([A, B, C])] == ["B over A", "C over B"]
    elsewhere = replace(C, column="FID")
    assert each_beats([A, elsewhere], [B]) == (A.beats(B),)


def test_the_cells_of_a_claim() -> None:
    assert list(Claim("5.1", "so", (A.beats(B), A.beats(C))).cells()) == [A, B, C]


def test_an_empty_claim() -> None:
    with pytest.raises(ValueError, match="at least one comparison, but 'so' has none"):
        Claim("5.1", "so", ())


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: study(Place("8", "A", "IS").beats(A)), "declares no table '8'; it has 9"),
        (lambda: study(Place("9", "a", "IS").beats(A)), r"no row 'a'; it has \['A', 'B'\]"),
        (lambda: study(Place("9", "A", "is").beats(A)), r"no column 'is'; it has \['IS', 'FID'\]"),
        (lambda: study(A.beats(Place("9", "B", "FID"))), r"within one metric, but .* has \['fid', 'is'\]"),
    ],
)
def test_a_study_refuses_claims_on_cells_that_it_lacks(
    declare: Callable[[], Study[Recipe]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        declare()


def test_a_reference_is_a_row_or_a_column() -> None:
    table = study(A.beats(B)).tables[0]
    assert replace(table, reference="FID").reference == "FID"
    with pytest.raises(ValueError, match=r"must be one of \['A', 'B', 'IS', 'FID'\], but got 'D'"):
        replace(table, reference="D")
