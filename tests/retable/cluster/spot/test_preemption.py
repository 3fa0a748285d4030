"""A cloud's warning drains the node; the clouds are servers of this test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from retable.cluster.spot import preemption


class Cloud(BaseHTTPRequestHandler):
    """Answers as Amazon's and Google's metadata servers do; `warning` is when, if at all."""

    warning: str | None = None

    def do_PUT(self) -> None:
        assert self.path == "/latest/api/token"
        self._answer("a token", "X-aws-ec2-metadata-token-ttl-seconds" in self.headers)

    def do_GET(self) -> None:
        if self.path == "/latest/meta-data/spot/instance-action":
            text = None if self.warning is None else f'{{"action": "terminate", "time": "{self.warning}"}}'
            self._answer(text, self.headers["X-aws-ec2-metadata-token"] == "a token")
        else:
            assert self.path == "/computeMetadata/v1/instance/preempted"
            self._answer("TRUE" if self.warning else "FALSE", self.headers["Metadata-Flavor"] == "Google")

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _answer(self, text: str | None, allowed: bool) -> None:
        self.send_response(401 if not allowed else 404 if text is None else 200)
        self.end_headers()
        if allowed and text is not None:
            self.wfile.write(text.encode())


@contextmanager
def cloud(warning: str | None) -> Iterator[str]:
    """The address of a cloud with that warning."""
    handler = type("Warned", (Cloud,), {"warning": warning})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may be slow to answer itself."""
    monkeypatch.setattr(preemption, "HTTP_SECONDS", 300.0)


def test_amazon_says_when() -> None:
    with cloud(None) as address:
        assert preemption.aws(address) is None
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    with cloud(soon.strftime("%Y-%m-%dT%H:%M:%SZ")) as address:
        before = soon - datetime.now(UTC)
        left = preemption.aws(address)
        after = soon - datetime.now(UTC)
    assert left is not None
    assert after.total_seconds() <= left <= before.total_seconds()
    with cloud("2017-09-18T08:22:00Z") as address:
        assert preemption.aws(address) == 0


def test_google_says_that() -> None:
    with cloud(None) as address:
        assert preemption.gcp(address) is None
    with cloud("now") as address:
        assert preemption.gcp(address) == 30


def test_the_node_is_drained_once_there_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # the machine's own address needs none
    answers = iter([None, OSError("no route"), None, 42.0])
    slept: list[float] = []
    drained: list[float] = []

    def ask() -> float | None:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    preemption.watch(ask, drained.append, slept.append)
    assert (drained, slept) == ([42.0], [preemption.LOOK_SECONDS] * 3)


def test_a_machine_without_a_cloud_has_no_answer() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(OSError, match="refused"):
            preemption.gcp(f"http://127.0.0.1:{held.getsockname()[1]}")
