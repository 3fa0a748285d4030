"""Versions against constraints.txt and among nodes."""

from pathlib import Path

from retable.doctor import packages


def test_a_file_of_pins_and_the_needed_among_them(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text(
        "# tested\nnumpy==2.4.6\ntorch==2.13.0+cpu # or not\n\nPyYAML==6.0.3\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy>=2", "ray[default,tune]>=2.60", "pyyaml"]\n'
    )
    file = tmp_path / "constraints.txt"
    assert packages.pinned(file) == {"numpy": "2.4.6", "torch": "2.13.0+cpu", "pyyaml": "6.0.3"}
    assert packages.needed(file) == {"numpy", "ray", "pyyaml"}


def test_this_checkout_names_what_it_needs() -> None:
    file = packages.constraints_file()
    assert file is not None
    assert {"torch", "ray", "mlflow", "decord", "av"} <= packages.needed(file)
    assert packages.needed(file) <= packages.pinned(file).keys()


def test_installed_leaves_out_what_is_not() -> None:
    found = packages.package_versions(["numpy", "retable-no-such-package"])
    assert found.keys() == {"numpy"}


def test_another_version_is_a_warning_and_a_missing_package_a_failure() -> None:
    tested = {"numpy": "2.4.6", "torch": "2.13.0+cpu", "mypy": "2.4.1"}
    assert packages.against_pins({"numpy": "2.4.6", "torch": "2.13.0"}, tested).verdict == "ok"
    found = packages.against_pins({"numpy": "2.3.0", "torch": "2.13.0"}, tested)
    assert (found.verdict, found.found) == ("warning", "numpy 2.3.0 (tested: 2.4.6)")
    found = packages.against_pins({"numpy": "2.4.6"}, tested, frozenset({"numpy", "torch"}))
    assert (found.verdict, found.found) == ("failure", "not installed: torch")
    assert "pip install" in found.advice


def test_nodes_that_exchange_tensors_must_have_one_torch() -> None:
    same = {"a": {"torch": "2.13.0"}, "b": {"torch": "2.13.0"}}
    assert packages.same_everywhere(same).verdict == "ok"
    found = packages.same_everywhere({**same, "c": {"torch": "2.12.0"}})
    assert found.verdict == "failure"
    assert found.found == "torch: 2.13.0 on a, 2.13.0 on b, 2.12.0 on c"
    found = packages.same_everywhere({"a": {"rich": "15.0.0"}, "b": {}})
    assert (found.verdict, found.found) == ("warning", "rich: 15.0.0 on a, none on b")
