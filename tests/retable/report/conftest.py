"""A table of four cells that are trained and two that the paper quoted, with hand-made results."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from retable.planning.plan import Plan, make_plan
from retable.report.results.load import Result
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table
from retable.trial.config import TrialConfig
from retable.trial.identity import Label
from retable.trial.learner import Score
from retable.trial.trial import Trial

PUBLISHED = """table,model,s_t,metric,value,std,note
9,Naive,1,is,12.79,0.1,taken from table 5
9,Naive,1,fid,7822,27,
9,Full,4,is,,,not measured by the paper
9,Full,4,fid,3715,19,
9,Others,,is,8.31,0.09,
"""


@dataclass(frozen=True, kw_only=True)
class Recipe(TrialConfig):
    trainable: ClassVar[str] = "recipe"
    s_t: int
    S1: bool = True
    iterations: int = 10
    batch_size: int = 4
    snapshot_every: int = 5

    def labels(self) -> Mapping[str, Label]:
        return {**super().labels(), "s_t": self.s_t, "S1": self.S1, "lambda": 0.5}


def _same(config: Recipe) -> Recipe:
    return config


class Example:
    """The study and shortcuts into it."""

    is_protocol = "is2048x10_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f"
    fid_protocol = "fid2048x10_c3d-1a2b3c_acc0.983_bilinear112_r10-train_data-5d6e7f"

    def __init__(self, published: Path) -> None:
        published.write_text(PUBLISHED, encoding="utf-8")
        base = Recipe(s_t=4)
        self.table = Table(
            number="9",
            caption="Layers enabled one by one",
            rows=(Row("Naive", replace(base, s_t=1)), Row("Full", base), Row("Others")),
            columns=(Column("IS", "is"), Column("FID", "fid")),
        )
        self.study = Study(
            name="example",
            paper="An example",
            tables=(self.table,),
            scales={
                "smoke": Scale(name="smoke", data="embedded", shrink=_same, tables={"9": None}),
                "paper": Scale(
                    name="paper", data="ucf101", shrink=_same, tables={"9": None}, comparable=True
                ),
            },
            published=published,
        )

    def plan(self, scale: str = "smoke", seeds: tuple[int, ...] = (0,)) -> Plan[Recipe]:
        return make_plan(self.study, self.study.scales[scale], "0123456789abcdef", seeds=seeds)

    def signature(self, row: str, seed: int = 0) -> str:
        config = next(one.config for one in self.table.rows if one.label == row)
        assert config is not None
        return Trial(config, seed, "0123456789abcdef").signature

    def done(self, row: str, scores: Mapping[str, Score], seed: int = 0) -> dict[str, Result]:
        """A finished trial of a row: 60 s on 2 workers."""
        signature = self.signature(row, seed)
        return {signature: Result(signature, "done", seed, scores, 10, 60.0, 120.0, best_by="highest IS")}

    def collapsed(self, row: str, seed: int = 0) -> dict[str, Result]:
        """A trial that collapsed after its first snapshot, which it keeps."""
        signature = self.signature(row, seed)
        kept = {self.is_protocol: Score(99.0, 0.1, 10), self.fid_protocol: Score(99.0, 0.1, 10)}
        return {signature: Result(signature, "collapsed", seed, kept, 5, 30.0, 60.0, "collapsed at 7")}


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(tmp_path / "published.csv")
