"""The token of a cluster, which answers no request without it."""

import os
import stat
from pathlib import Path

from retable.errors import RetableError


class ClusterError(RetableError, ConnectionError):
    """A cluster can't be reached, or does not do what it is asked."""


class NoTokenError(RetableError, ValueError):
    """There is no token on this machine; the message says how to get it."""


def token_file() -> Path:
    """Path of the token file, which Retable and Ray's own tools share."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named).expanduser() if named else Path.home() / ".ray" / "auth_token"


def known_token(place: str) -> str:
    """The token in RAY_AUTH_TOKEN, or in the token file. The file is made private first, since Ray lets everyone read it.

    Args:
        place: name of the server that asks for the token, such as ``http://10.0.0.1:8265``.

    Raises:
        NoTokenError: there is no token.
    """
    token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    file = token_file()
    if not token and file.is_file():
        protect(file)
        token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise NoTokenError(
            f"{place} asks for a token, but there is none in {file}",
            remedy="copy the head's ~/.ray/auth_token there (scp USER@HEAD:.ray/auth_token FILE; chmod 600 FILE), or name "
            "another file with RAY_AUTH_TOKEN_PATH",
        )
    return token


def protect(file: Path) -> None:
    """Make a file readable by its owner only, if this user owns it."""
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
    if mode & 0o077 and file.stat().st_uid == os.getuid():
        file.chmod(mode & 0o700)
