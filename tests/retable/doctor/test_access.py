"""The token: there, one's own, the same everywhere."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from retable.doctor import access


def environment(tmp_path: Path, text: str = "secret", mode: int = 0o600) -> dict[str, str]:
    path = tmp_path / "auth_token"
    path.write_text(text)
    path.chmod(mode)
    return {"RAY_AUTH_TOKEN_PATH": str(path)}


def test_a_token_of_ones_own(tmp_path: Path) -> None:
    found = access.token(environment(tmp_path), needed=True)
    assert (found.verdict, found.found) == ("ok", f"{tmp_path}/auth_token, mode 0600")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_can_read_fails(tmp_path: Path, mode: int) -> None:
    found = access.token(environment(tmp_path, mode=mode), needed=True)
    assert (found.verdict, found.advice) == ("failure", f"chmod 600 {tmp_path}/auth_token")
    assert f"mode {mode:04o}" in found.found


def test_an_absent_token_fails_only_where_there_is_a_cluster(tmp_path: Path) -> None:
    absent = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}
    assert access.token(absent, needed=True).verdict == "failure"
    assert access.token(absent, needed=False).verdict == "warning"


def test_an_empty_token_fails(tmp_path: Path) -> None:
    assert access.token(environment(tmp_path, " \n"), needed=True).verdict == "failure"


def test_a_token_in_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    given = {**environment(tmp_path, mode=0o644), "RAY_AUTH_TOKEN": "secret"}
    assert access.token(given, needed=True).verdict == "ok"


def test_nodes_with_different_tokens_fail_and_no_finding_holds_a_token(tmp_path: Path) -> None:
    one = access.digest(environment(tmp_path, "secret\n"))
    assert one == access.digest({"RAY_AUTH_TOKEN": "secret"})
    other = access.digest({"RAY_AUTH_TOKEN": "another"})
    assert access.same_token({"a": one, "b": one}).verdict == "ok"
    found = access.same_token({"a": one, "b": one, "c": other, "d": ""})
    assert (found.verdict, found.found) == ("failure", "3 tokens: on a/b, on c, on d")
    assert "secret" not in repr(found)
    assert access.digest({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}) == ""


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, "failure"), (401, "ok"), (403, "ok"), (500, "warning")]
)
def test_a_cluster_that_answers_anybody_fails(status: int, verdict: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.handle_request)
        thread.start()
        found = access.requires_token(f"http://127.0.0.1:{http.server_port}", seconds=300)
        thread.join()
    assert found.verdict == verdict
    assert (
        access.requires_token(f"http://127.0.0.1:{http.server_port}", seconds=1).verdict == "warning"
    )  # nobody there
