"""The token without which a cluster answers nobody: where it is, and how to get it."""

import os
import stat
from pathlib import Path

from retable.errors import RetableError


class ClusterError(RetableError, ConnectionError):
    """A cluster can't be reached, or does not do what it is asked."""


class NoTokenError(RetableError, ValueError):
    """There is no token on this machine; the message says how to get it."""


def token_file() -> Path:
    """The file that Ray reads: RETABLE's and Ray's own tools share it."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named).expanduser() if named else Path.home() / ".ray" / "auth_token"


def known_token(place: str) -> str:
    """The token of RAY_AUTH_TOKEN, or of the token file, which is narrowed to the user: Ray leaves it for all to read.

    Args:
        place: what it is for, such as ``http://10.0.0.1:8265``.

    Raises:
        NoTokenError: there is none.
    """
    token = os.environ.get("RAY_AUTH_TOKEN", "").strip()
    file = token_file()
    if not token and file.is_file():
        protect(file)
        token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise NoTokenError(
            f"{place} answers only to its token, but there is none in {file}",
            remedy="copy the head's ~/.ray/auth_token there (scp USER@HEAD:.ray/auth_token FILE; chmod 600 FILE), or name "
            "another file with RAY_AUTH_TOKEN_PATH",
        )
    return token


def protect(file: Path) -> None:
    """Let only its owner read the file, as far as that is up to us."""
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
    if mode & 0o077 and file.stat().st_uid == os.getuid():
        file.chmod(mode & 0o700)
