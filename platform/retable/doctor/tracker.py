"""A check that MLflow answers: its server, or its database."""

import socket
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from retable.doctor.finding import Finding, failure, ok, warning
from retable.doctor.machine import free_disk

CHECK = "MLflow"
SECONDS = 5.0
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
LATER = "training goes on without it, and metrics are delivered later"


def tracker(uri: str, version: str = "", *, seconds: float = SECONDS) -> Finding:
    """Check that the tracker at that URI can be reached from this machine. Nothing is written to it.

    Args:
        uri: URI of MLflow's server (http), or of its database.
        version: MLflow's version on this machine; another version of the server is a warning. Empty for no comparison.
        seconds: timeout of each request.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme in ("http", "https"):
        return _server(uri.rstrip("/"), version, seconds)
    if scheme == "sqlite":
        file = Path(uri.removeprefix("sqlite:///"))
        found = free_disk("MLflow", file.parent, least=0, enough=0)
        return (
            ok(CHECK, f"a file, {file}")
            if found.verdict == "ok"
            else failure(CHECK, found.found, found.advice)
        )
    if scheme in PORTS:
        return _database(parts.hostname or "localhost", parts.port or PORTS[scheme], seconds)
    return warning(CHECK, f"{scheme}: can't be checked", "check that its own client reaches it")


def _server(uri: str, version: str, seconds: float) -> Finding:
    place = urlsplit(uri)
    shown = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"
    try:
        with urlopen(f"{uri}/health", timeout=seconds):
            pass
        with urlopen(f"{uri}/version", timeout=seconds) as answer:
            theirs = answer.read(100).decode().strip()
    except HTTPError as error:
        advice = (
            "set MLFLOW_TRACKING_USERNAME and _PASSWORD"
            if error.code == 401
            else "see the server's log; is it MLflow's?"
        )
        return failure(CHECK, f"{shown} answers {error.code} {error.reason}", advice)
    except (URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        return failure(
            CHECK,
            f"{shown} does not answer: {reason}",
            f"start it, or set MLFLOW_TRACKING_URI to where it is; {LATER}",
        )
    if version and theirs != version:
        return warning(
            CHECK, f"{shown} is MLflow {theirs}, here is {version}", "install the same version on both"
        )
    return ok(CHECK, f"{shown}, MLflow {theirs}")


def _database(host: str, port: int, seconds: float) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=seconds):
            return ok(CHECK, f"a database at {host}:{port} takes connections")
    except OSError as error:
        return failure(CHECK, f"{host}:{port} takes no connection: {error}", f"start the database; {LATER}")
