"""MLflow's server or database: alive, dead, refusing, of another version."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from retable.doctor.tracker import tracker

PATIENCE = 300.0  # seconds, on a busy machine


@contextmanager
def server(status: int = 200, version: str = "3.17.2") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(version.encode() if self.path == "/version" else b"OK")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


@contextmanager
def nobody() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_server_that_answers() -> None:
    with server() as uri:
        found = tracker(uri + "/", "3.17.2", seconds=PATIENCE)
    assert (found.verdict, found.found) == ("ok", f"{uri}, MLflow 3.17.2")


def test_a_server_of_another_version_is_a_warning() -> None:
    with server(version="3.10.0") as uri:
        assert tracker(uri, "3.17.2", seconds=PATIENCE).verdict == "warning"
        assert tracker(uri, seconds=PATIENCE).verdict == "ok"


def test_a_dead_port_fails_and_says_that_training_goes_on() -> None:
    with nobody() as port:
        found = tracker(f"http://user:secret@127.0.0.1:{port}", seconds=PATIENCE)
    assert found.verdict == "failure"
    assert "does not answer" in found.found
    assert "training goes on without it" in found.advice
    assert "secret" not in repr(found)


def test_a_server_that_refuses_fails() -> None:
    with server(status=401) as uri:
        found = tracker(uri, seconds=PATIENCE)
        assert (found.verdict, "MLFLOW_TRACKING_USERNAME" in found.advice) == ("failure", True)
    with server(status=500) as uri:
        assert tracker(uri, seconds=PATIENCE).verdict == "failure"


def test_a_server_that_hangs_fails_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = tracker(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
    assert found.verdict == "failure"


def test_a_file_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    assert tracker(f"sqlite:///{tmp_path}/results/mlflow.db").verdict == "ok"
    (tmp_path / "file").touch()
    assert tracker(f"sqlite:///{tmp_path}/file/mlflow.db").verdict == "failure"


def test_a_database_is_there_if_it_takes_connections() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        uri = f"postgresql+psycopg2://user:secret@127.0.0.1:{port}/mlflow"
        found = tracker(uri, seconds=PATIENCE)
    assert (found.verdict, "secret" in repr(found)) == ("ok", False)
    with nobody() as port:
        assert tracker(f"postgresql://127.0.0.1:{port}/mlflow", seconds=PATIENCE).verdict == "failure"
    assert tracker("databricks").verdict == "warning"
