"""The front is Optuna's own, and a search leaves as CSV, Markdown and pictures."""

from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from retable.report.results.load import Result
from retable.search.history import Rung, Suggestion
from retable.search.report import PointResult, SearchReport
from retable.trial.learner import Score

IS = "is8x1_c3d-000000_acc1.000_bilinear32_s1_data-000000"
FID = "fid8x1_c3d-000000_acc1.000_bilinear32_r1-train_data-000000"


def point(number: int, cell: str, values: tuple[float, float] | None) -> PointResult:
    rungs = {} if values else {12: Rung(1.0, IS, kept=False)}
    asked = Suggestion(number, {"lambda": 0.1 * (number + 1)}, f"{number:016x}", rungs)
    if values is None:
        return PointResult(cell, asked, Result(asked.signature, "pruned"), {})
    scores = {IS: Score(values[0]), FID: Score(values[1])}
    result = Result(asked.signature, "done", seed=0, scores=scores, wall_seconds=3.0)
    return PointResult(cell, asked, result, {"is": values[0], "fid": values[1]})


def report(found: list[PointResult]) -> SearchReport:
    return SearchReport(
        number="proposed",
        title="Search proposed. λ [smoke scale]",
        objectives=("is", "fid"),
        dimensions=("lambda",),
        points=tuple(found),
        importances={"is": {"lambda": 0.75, "row": 0.25}, "fid": {}},
        notes=("one note",),
    )


def test_the_front_is_optunas() -> None:
    draws = np.random.default_rng(0).integers(0, 6, (40, 2)).astype(float)
    study = optuna.create_study(directions=["maximize", "minimize"])
    for values in draws:
        study.add_trial(optuna.trial.create_trial(values=list(values)))
    found = [point(n, "=1+1", (float(a), float(b))) for n, (a, b) in enumerate(draws)]
    assert [p.suggestion.number for p in report(found).front] == [t.number for t in study.best_trials]


@pytest.fixture
def small() -> SearchReport:
    values = [(2.0, 90.0), (3.0, 95.0), None, (1.5, 99.0), (1.0, 80.0)]
    return report([point(n, "=1+1" if n else "a|b", pair) for n, pair in enumerate(values)])


def test_each_objective_has_its_best(small: SearchReport) -> None:
    best = {name: small.best(name) for name in small.objectives}
    assert {name: one and one.suggestion.number for name, one in best.items()} == {"is": 1, "fid": 4}
    alone = small.best("is", "a|b")
    assert alone is not None
    assert alone.suggestion.number == 0
    assert small.best("is", "nowhere") is None


def test_the_files_hold_every_point(small: SearchReport, tmp_path: Path) -> None:
    names = [path.name for path in small.export(tmp_path)]
    assert names == [
        "proposed.csv",
        "proposed.md",
        "proposed_pareto.png",
        "proposed_importance.png",
        "proposed_importance.svg",
    ]
    assert all((tmp_path / name).stat().st_size > 200 for name in names)
    frame = pd.read_csv(tmp_path / "proposed.csv")
    assert list(frame["state"]) == ["done", "done", "pruned", "done", "done"]
    assert frame["pruned_at"].dropna().tolist() == [12]
    assert frame["pareto"].tolist() == [True, True, False, False, True]
    assert frame["params.lambda"].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert frame["cell"].tolist() == ["a|b", *["'=1+1"] * 4]  # a spreadsheet must not compute it
    assert frame["protocol.is"].dropna().unique().tolist() == [IS]
    before = {name: (tmp_path / name).read_bytes() for name in names}
    small.export(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names} == before


def test_people_read_the_front_first(small: SearchReport) -> None:
    text = small.markdown()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "#" in line]
    assert [row.split("#")[1].split(" ")[0] for row in rows] == ["0", "1", "4", "2", "3"]
    assert "a\\|b \\#0" in text or "a\\|b #0" in text
    assert "pruned at 12" in rows[3]
    assert "Pareto, best IS" in rows[1]
    assert "- one note" in text


def test_a_search_without_results_has_a_table_too(tmp_path: Path) -> None:
    empty = SearchReport("p", "t", ("is", "fid"), ("lambda",), (), {"is": {}, "fid": {}}, ())
    assert [path.name for path in empty.export(tmp_path)] == ["p.csv", "p.md"]
    assert (tmp_path / "p.csv").read_text().startswith("cell,number,params.lambda,is,fid,state")
