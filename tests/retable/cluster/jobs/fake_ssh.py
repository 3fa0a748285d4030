"""Stands for `ssh -L 127.0.0.1:PORT:127.0.0.1:8265 … HOST COMMAND`: joins the ports of one machine, runs COMMAND there.

The head's port is the first argument, in the place of 8265. What it was given is written to the second.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the source ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def serve(listener: socket.socket, port: int) -> None:
    """Join each connection to the port."""
    while True:
        ours, _ = listener.accept()
        theirs = socket.create_connection(("127.0.0.1", port))
        for pair in ((ours, theirs), (theirs, ours)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def main() -> int:
    """Serve until the command ends."""
    port, log, *arguments = sys.argv[1:]
    Path(log).write_text(json.dumps({"arguments": arguments, "process": os.getpid()}))
    local = int(arguments[arguments.index("-L") + 1].split(":")[1])
    listener = socket.create_server(("127.0.0.1", local))
    threading.Thread(target=serve, args=(listener, int(port)), daemon=True).start()
    return subprocess.run(["sh", "-c", arguments[-1]], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
