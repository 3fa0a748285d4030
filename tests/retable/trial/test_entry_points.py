import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from retable.errors import RetableError
from retable.trial.config import TrialConfig
from retable.trial.entry_points import resolve


@dataclass(frozen=True, kw_only=True)
class Net(TrialConfig):
    trainable: ClassVar[str] = "net"
    iterations: int = 1
    batch_size: int = 1
    snapshot_every: int = 1


def named(learner: str) -> type:
    return type("Named", (Net,), {"learner": learner})


def test_a_class_and_a_method_of_one_are_found() -> None:
    assert resolve(named("pathlib:Path"), "learner") is Path
    assert resolve(named("pathlib:Path.cwd"), "learner")() == Path.cwd()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("pathlib.Path", "Named.learner must have the form 'package.module:name', but is 'pathlib.Path'"),
        (":Path", "must have the form"),
        ("pathlib:", "must have the form"),
        (
            "no_such_package.learner:Learner",
            "there is no no_such_package, of 'no_such_package.learner:Learner'; correct the name or install its package",
        ),
        (
            "pathlib.no_such:Learner",
            "must name a module that can be imported, but there is no pathlib.no_such",
        ),
        (
            "pathlib:Pth",
            "must name something in the module pathlib, but it has no Pth; correct 'pathlib:Pth'",
        ),
        ("pathlib:Path.nowhere", "but it has no Path.nowhere"),
        ("sys:maxsize", f"must name a class or a function, but 'sys:maxsize' is {sys.maxsize}"),
    ],
)
def test_a_name_of_nothing_is_refused(given: str, message: str) -> None:
    with pytest.raises(RetableError) as refused:
        resolve(named(given), "learner")
    assert isinstance(refused.value, ValueError)
    assert message in str(refused.value)


def test_a_module_that_lacks_another_one_keeps_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking_learner.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        resolve(named("lacking_learner:Learner"), "learner")


def test_a_config_that_names_nothing_is_told_what_to_name() -> None:
    with pytest.raises(NotImplementedError, match="Net must name its learner: learner: ClassVar"):
        Net().build(0, None, None)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="Net has a cost_key, so it must name .* costs: ClassVar"):
        Net().step_cost()
