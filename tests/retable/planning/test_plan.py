from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import pytest

from retable.planning.plan import make_plan
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from retable.trial.identity import Label
from retable.trial.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Judge(TrialConfig):
    trainable: ClassVar[str] = "judge"
    iterations: int = 5
    batch_size: int = 2
    snapshot_every: int = 5


@dataclass(frozen=True, kw_only=True)
class Model(TrialConfig):
    trainable: ClassVar[str] = "model"
    iterations: int = 10
    batch_size: int = 4
    snapshot_every: int = 5
    s_t: int = 1
    on: bool = False
    judge: Judge = Judge()

    def canonical(self) -> Self:
        return self if self.on else replace(self, s_t=1)

    def labels(self) -> Mapping[str, Label]:
        return {"s_t": self.s_t, "on": self.on, "batch_size": self.batch_size}

    def requires(self) -> tuple[TrialConfig, ...]:
        return (self.judge,)


BASE = Model()
SCORES = (Column[Model]("IS", "is"), Column[Model]("FID", "fid"))
STUDY = Study[Model](
    name="small",
    paper="A paper",
    tables=(
        Table(
            "1", "rows", (Row("off", BASE), Row("on", replace(BASE, s_t=2, on=True)), Row("others")), SCORES
        ),
        Table(
            "2",
            "columns",
            (Row("4", BASE), Row("8", replace(BASE, batch_size=8))),
            (
                Column("s_t=2", "is", lambda c: replace(c, s_t=2, on=True)),
                Column("off, s_t=4", "is", lambda c: replace(c, s_t=4)),
            ),
        ),
    ),
    scales={},
)
SMOKE = Scale[Model](name="smoke", data="embedded", shrink=lambda c: c, tables={"1": None, "2": 1})


def test_cells_that_ask_for_the_same_trial_share_it() -> None:
    plan = make_plan(STUDY, SMOKE, "abc")
    assert [(p.trial.config.trainable, p.name) for p in plan.trials] == [
        ("judge", "judge"),
        ("model", "s_t=1"),
        ("model", "s_t=2 on"),
    ]
    assert plan.trials[1].cells == ("1: off, IS", "1: off, FID", "2: 4, off, s_t=4")
    assert len(plan.cells()) == 8  # those of the row that the paper took from others too


def test_requirements_come_first_and_are_named() -> None:
    judge, *models = make_plan(STUDY, SMOKE, "abc").trials
    assert judge.requires == ()
    assert judge.cells == ()
    assert {model.requires for model in models} == {(judge.signature,)}


def test_asking_for_a_table_gives_all_its_rows() -> None:
    assert len(make_plan(STUDY, SMOKE, "abc", tables=["2"]).trials) == 5


def test_a_seed_more_adds_only_its_own_trials() -> None:
    one = {p.signature for p in make_plan(STUDY, SMOKE, "abc").trials}
    two = {p.signature for p in make_plan(STUDY, SMOKE, "abc", seeds=[0, 1]).trials}
    assert one < two
    assert len(two - one) == 2  # the judge is trained once, whatever the seeds


def test_the_signature_covers_trainable_config_seed_and_data() -> None:
    trial = Trial(BASE, 0, "abc")
    others = [
        Trial(replace(BASE, batch_size=8), 0, "abc"),
        Trial(BASE, 1, "abc"),
        Trial(BASE, 0, "abd"),
        Trial(replace(BASE, judge=replace(BASE.judge, batch_size=1)), 0, "abc"),
    ]
    assert len({trial.signature, *(other.signature for other in others)}) == 5
    assert Trial(replace(BASE, s_t=4), 0, "abc").signature == trial.signature  # can't matter while it is off


def test_the_signature_covers_which_family_judges() -> None:
    @dataclass(frozen=True, kw_only=True)
    class OtherJudge(Judge):
        trainable: ClassVar[str] = "other judge"

    other = Trial(replace(BASE, judge=OtherJudge()), 0, "abc")
    assert other.signature != Trial(BASE, 0, "abc").signature


def test_an_undeclared_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"small declares no table '7'; it has 1, 2"):
        make_plan(STUDY, SMOKE, "abc", tables=["7"])


def test_a_config_must_share_its_batch() -> None:
    with pytest.raises(ValueError, match=r"accumulate must divide batch_size, but got accumulate=3"):
        replace(BASE, accumulate=3)
    with pytest.raises(ValueError, match="iterations must be at least 1, but got 0"):
        replace(BASE, iterations=0)
