"""Inception's weights from a server of this test: whole and right, or not at all."""

import hashlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch

from trainables.classifiers.inception import convert as conversion
from trainables.classifiers.inception.convert import convert, main
from trainables.classifiers.inception.download import MEGABYTE, fetched


class Release(BaseHTTPRequestHandler):
    """Answers every question with the same bytes, of which it promises `more` than there are."""

    content = b""
    more = 0
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content) + self.more))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def release(content: bytes, more: int = 0) -> Iterator[tuple[type[Release], str]]:
    """The handler, and the address of a folder in which every file has that content."""
    handler = type("Published", (Release,), {"content": content, "more": more})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield handler, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(conversion, "SHAPES", {"fc.bias": (4,)})
    return tmp_path / "cache"


@pytest.fixture
def content() -> bytes:
    file = io.BytesIO()
    torch.save({"fc.bias": torch.arange(4.0)}, file)
    return file.getvalue()


def name(content: bytes) -> str:
    return f"weights-{hashlib.sha256(content).hexdigest()[:8]}.pth"


def test_without_a_file_it_is_fetched_once_and_converted(
    cache: Path, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "given.pth").write_bytes(content)
    convert(tmp_path / "given.pth", tmp_path / "given")
    with release(content) as (handler, address):
        monkeypatch.setattr(conversion, "URL", f"{address}/{name(content)}")
        for out in ("first", "second"):
            assert main(["--out", str(tmp_path / out)]) == 0
            assert (tmp_path / out).read_bytes() == (tmp_path / "given").read_bytes()
        assert handler.asked == 1
        assert [path.name for path in cache.iterdir()] == [name(content)]
        (cache / name(content)).write_bytes(b"damaged")
        assert main(["--out", str(tmp_path / "third")]) == 0
        assert handler.asked == 2
    assert (cache / name(content)).read_bytes() == content


@pytest.mark.parametrize("fault", ["another file", "cut"])
def test_what_is_not_the_file_is_refused_and_not_kept(
    cache: Path,
    content: bytes,
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sent = content[:100] if fault == "cut" else content + b"!"
    with release(sent, more=len(content) - 100 if fault == "cut" else 0) as (_, address):
        monkeypatch.setattr(conversion, "URL", f"{address}/{name(content)}")
        assert main(["--out", str(tmp_path / "out")]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert f"must have a SHA-256 that begins with {name(content)[8:16]}, as its name says" in said
    assert f"{len(sent):,} bytes came" in said
    assert "give it as --weights (docs/inception.md)" in said
    assert list(cache.iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_without_a_network_it_says_what_was_tried_and_what_to_do(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/weights-6726825d.pth"
        monkeypatch.setattr(conversion, "URL", url)
        assert main(["--out", str(tmp_path / "out")]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert f"{url} can't be fetched (" in said
    assert "refused" in said
    assert (
        "get weights-6726825d.pth, a file of release v0.2.0 of the repository toshas/torch-fidelity" in said
    )
    assert list(cache.iterdir()) == []


def test_a_server_that_says_nothing_is_given_up(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights-6726825d.pth"
        began = time.monotonic()
        with pytest.raises(ConnectionError, match=r"can't be fetched \(timed out\)"):
            fetched(url, lambda done, total: None, seconds=0.2)
        assert time.monotonic() - began < 60
    assert list(cache.iterdir()) == []


def test_progress_is_told_in_megabytes(cache: Path) -> None:
    content, told = bytes(2 * MEGABYTE + 1), list[tuple[int, int]]()
    with release(content) as (_, address):
        path = fetched(f"{address}/{name(content)}", lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert path == cache / name(content)
