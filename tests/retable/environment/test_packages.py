"""Versions of packages, and the differences between a driver and a node that matter."""

import importlib.metadata
import platform
from pathlib import Path

import pytest

from retable.environment import packages as module
from retable.environment.packages import code_hash, differences, package_versions

OURS = {"python": "3.11.7", "code": "aaa", "ray": "2.60.0", "torch": "2.13.0+cpu", "pandas": "3.1.1"}


def test_what_is_installed_here() -> None:
    found = package_versions()
    assert found["python"] == platform.python_version()
    assert found["torch"] == importlib.metadata.version("torch")
    assert len(found["code"]) == 12


@pytest.mark.parametrize(
    ("theirs", "errors"),
    [
        ({"python": "3.12.1"}, ("Python 3.12.1, but 3.11.7 here",)),
        ({"ray": "2.61.0"}, ("ray 2.61.0, but 2.60.0 here",)),
        ({"torch": "2.12.0+cu128"}, ("torch 2.12.0+cu128, but 2.13.0+cpu here",)),
        ({"code": "bbb"}, ("our code is bbb, but aaa here",)),
        ({"code": None}, ("our code is missing, but aaa here",)),
        ({"python": "3.11.2", "torch": "2.13.0+cu128"}, ()),  # a head without GPUs is no mistake
    ],
)
def test_what_must_agree(theirs: dict[str, str | None], errors: tuple[str, ...]) -> None:
    node = {name: version for name, version in {**OURS, **theirs}.items() if version}
    found = differences(OURS, node)
    assert (found.errors, found.warnings) == (errors, ())


def test_what_had_better_agree_is_a_warning() -> None:
    found = differences(OURS, {**OURS, "pandas": "3.0.0", "decord": "0.6.0"})
    assert (found.errors, found.warnings) == ((), ("pandas 3.0.0, but 3.1.1 here",))
    assert not any(differences(OURS, OURS).errors)


def test_the_hash_of_the_code_is_of_names_and_contents_wherever_it_lies(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "retable" / "data").mkdir(parents=True)
        (tmp_path / place / "retable" / "a.py").write_text("x = 1\n")
        (tmp_path / place / "retable" / "data" / "b.csv").write_text("1,2\n")
    (tmp_path / "two" / "retable" / "a.pyc").write_text("not source")
    one, two = ([tmp_path / place / "retable"] for place in ("one", "two"))
    assert code_hash(one) == code_hash(two) != ""
    (tmp_path / "two" / "retable" / "a.py").write_text("x = 2\n")
    assert code_hash(one) != code_hash(two)
    (tmp_path / "two" / "retable" / "a.py").rename(tmp_path / "two" / "retable" / "c.py")
    (tmp_path / "two" / "retable" / "c.py").write_text("x = 1\n")
    assert code_hash(one) != code_hash(two)
    assert code_hash([tmp_path / "absent"]) == ""


def test_the_module_that_answers_on_nodes_imports_nothing_of_ours() -> None:
    assert "retable." not in Path(str(module.__file__)).read_text().split('"""', 2)[2].split("CODE =")[0]
