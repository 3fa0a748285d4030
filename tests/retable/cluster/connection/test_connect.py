"""Where a driver may run, what of it travels, and nodes that can't run what it sends."""

import json
import logging
import socket
from pathlib import Path

import pytest

from retable.cluster.connection import connect, preflight
from retable.cluster.connection.connect import check_nodes, connected, runtime_environment
from retable.cluster.connection.preflight import NodesDifferError
from retable.cluster.connection.settings import SETTINGS
from retable.environment.packages import package_versions
from tests.retable.cluster.with_token import printed_by


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ray://10.0.0.1:10001", r"can't train through Ray Client .*: `retable submit STUDY --cluster FILE`"),
        ("http://10.0.0.1:8265", "this runs only on a node of the cluster, with --address auto"),
        ("ray_cluster.yaml", "this runs only on a node of the cluster"),
    ],
)
def test_an_address_by_which_no_driver_can_run_here_is_refused(
    tmp_path: Path, address: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message), connected(address, tmp_path):
        pass


def test_an_address_where_nobody_listens_is_refused_at_once(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        port = held.getsockname()[1]
        with (
            pytest.raises(
                ConnectionError,
                match=rf"nothing listens at 127.0.0.1:{port}: .*; check that the cluster is up",
            ),
            connected(f"127.0.0.1:{port}", tmp_path),
        ):
            pass


def test_a_driver_on_a_machine_that_is_no_node_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "comm").write_text("gcs_server\n")
    monkeypatch.setattr(connect, "PROC", tmp_path)
    with (
        socket.create_server(("127.0.0.1", 0)) as head,
        pytest.raises(
            ConnectionError, match=r"this machine is no node of the cluster at .* --address http://HEAD"
        ),
        connected(f"127.0.0.1:{head.getsockname()[1]}", tmp_path / "scratch"),
    ):
        pass


def test_the_checkout_travels_as_an_archive_with_our_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.setenv("RETABLE_CACHE", "/shared/cache")
    environment = runtime_environment(tmp_path)
    assert Path(environment["working_dir"]).is_relative_to(tmp_path)
    assert environment["env_vars"]["PYTHONPATH"] == "platform"
    assert environment["env_vars"]["RETABLE_CACHE"] == "/shared/cache"
    assert environment["env_vars"]["RAY_AUTH_MODE"] == "token"


def test_in_a_job_of_ours_nothing_travels_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = {"working_dir": "gcs://a.zip", "env_vars": {name: "1" for name in SETTINGS}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": sent}))
    monkeypatch.setenv("RETABLE_CACHE", "/shared/cache")
    assert runtime_environment(tmp_path) == {"env_vars": {"RETABLE_CACHE": "/shared/cache"}}
    monkeypatch.delenv("RETABLE_CACHE")
    assert runtime_environment(tmp_path) == {"env_vars": {}}


def test_from_a_job_that_brought_no_code_the_checkout_travels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"env_vars": {"RAY_AUTH_MODE": "token"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": sent, "metadata": {}}))
    environment = runtime_environment(tmp_path)
    assert Path(environment["working_dir"]).is_file()
    assert environment["env_vars"]["PYTHONPATH"] == "platform"
    assert "RAY_AUTH_MODE" not in environment["env_vars"]
    assert environment["env_vars"]["RAY_TRAIN_V2_ENABLED"] == "1"


def test_beside_a_wheel_only_settings_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.setattr(connect, "checkout", lambda: None)
    assert set(runtime_environment(tmp_path)) == {"env_vars"}
    assert "PYTHONPATH" not in runtime_environment(tmp_path)["env_vars"]


def test_nodes_that_differ_are_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours = package_versions()
    answers: dict[str, object] = {
        "one (10.0.0.1)": ours,
        "two (10.0.0.2)": {**ours, "pandas": "3.0.0"},
        "three (10.0.0.3)": {**ours, "code": "0123456789ab", "torch": "2.11.0"},
        "four (10.0.0.4)": TimeoutError("no answer within 180 s"),
    }
    monkeypatch.setattr(preflight, "on_every_node", lambda function: dict(answers))
    with pytest.raises(NodesDifferError) as refusal:
        check_nodes(())
    told = str(refusal.value)
    assert f"three (10.0.0.3): our code is 0123456789ab, but {ours['code']} here" in told
    assert "three (10.0.0.3): torch 2.11.0, but" in told
    assert "four (10.0.0.4): no answer within 180 s" in told
    assert "nothing was started" in told
    assert "one (" not in told
    assert "two (" not in told
    del answers["three (10.0.0.3)"], answers["four (10.0.0.4)"]
    with caplog.at_level(logging.WARNING):
        check_nodes(())
    (warning,) = caplog.messages
    assert warning.startswith("two (10.0.0.2) has other versions than here: pandas 3.0.0, but")


def test_nodes_that_do_not_see_what_is_shared_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "check_versions", list)
    seen: list[list[str]] = []

    def ask(function: object, paths: list[str]) -> dict[str, object]:
        assert all(Path(path).exists() for path in paths)
        seen.append(paths)
        return {"one": [], "two": [paths[0]], "three": [paths[-1]], "four": OSError("it is gone")}

    monkeypatch.setattr(preflight, "on_every_node", ask)
    (tmp_path / "data").mkdir()
    with pytest.raises(NodesDifferError) as refusal:
        check_nodes([tmp_path / "data", tmp_path])
    lines = str(refusal.value).splitlines()
    assert lines[1:4] == [
        f"  two: {tmp_path}/data",
        f"  three: {tmp_path}",
        f"  four: {tmp_path} (it is gone)",
    ]
    assert "RETABLE_STORAGE" in lines[4]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert Path(seen[0][-1]).parent == tmp_path


@pytest.mark.slow
def test_a_node_with_other_code_is_named_unless_the_code_travels(tmp_path: Path) -> None:
    told = printed_by(Path(__file__).with_name("differing.py"), tmp_path, timeout=600)
    assert told["checkout"] == "2 nodes"
    assert "these nodes can't run this driver's code; nothing was started" in told["wheel"]
    assert told["wheel"].count("our code is") == 1
