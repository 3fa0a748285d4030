import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from retable.planning.plan import Plan, make_plan
from retable.report.plan.rows import row_tables
from retable.study.table import Column, Table

if TYPE_CHECKING:
    from tests.retable.report.conftest import Example


def printed(plan: Plan[Any]) -> str:
    console = Console(file=io.StringIO(), width=120)
    for table in row_tables(plan):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def planned(example: "Example", table: Table[Any], shrunk: bool = False) -> Plan[Any]:
    study = replace(example.study, tables=(table,))
    scale = study.scales["smoke"]
    if shrunk:
        scale = replace(scale, shrink=lambda config: replace(config, s_t=1))
    return make_plan(study, scale, "0123456789abcdef")


def test_rows_say_what_changes_from_the_first_or_the_reference(example: "Example") -> None:
    first = printed(planned(example, example.table)).splitlines()
    assert first[0].strip() == "Table 9. Layers enabled one by one [smoke scale]"
    assert [line.split() for line in first[2:]] == [
        ["Naive", "the", "others", "are", "compared", "with", "it"],
        ["Full", "s_t", "1", "→", "4"],
    ]
    referred = printed(planned(example, replace(example.table, reference="Full")))
    assert "s_t 4 → 1" in referred


def test_columns_that_change_the_config(example: "Example") -> None:
    column = Column[Any]("no S1", "is", lambda config: replace(config, S1=False))
    assert "S1 on → off" in printed(planned(example, replace(example.table, columns=(column,))))


def test_rows_that_are_one_trial_at_this_scale(example: "Example") -> None:
    assert "nothing" in printed(planned(example, example.table, shrunk=True))
