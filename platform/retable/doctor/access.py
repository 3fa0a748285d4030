"""The token without which nobody may use the cluster: there, and the user's alone."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from retable.doctor.finding import Finding, failure, ok, warning

CHECK = "token"


def token_file(environment: Mapping[str, str]) -> Path:
    """Where Ray looks for the token."""
    return Path(environment.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token").expanduser()


def token(environment: Mapping[str, str], *, needed: bool) -> Finding:
    """Whether the token file is there, holds something, and can be read by its owner only.

    Args:
        environment: of the process that would connect; RAY_AUTH_TOKEN in it comes before any file.
        needed: whether there is a cluster already, which must have one; otherwise the first run makes it.
    """
    if environment.get("RAY_AUTH_TOKEN"):
        return ok(CHECK, "in the variable RAY_AUTH_TOKEN")
    path = token_file(environment)
    if not path.exists():
        absent = f"{path} does not exist"
        if not needed:
            return warning(CHECK, absent, "nothing to do: the first run makes one")
        return failure(
            CHECK, absent, "copy the head's token file to it with mode 0600, the same on every node"
        )
    status = path.stat()
    if status.st_uid != os.geteuid():
        return failure(CHECK, f"{path} belongs to user {status.st_uid}", f"chown {os.geteuid()} {path}")
    if status.st_mode & 0o077:
        mode = status.st_mode & 0o777
        return failure(
            CHECK, f"{path} has mode {mode:04o}: others can run code on the cluster", f"chmod 600 {path}"
        )
    if not path.read_text(encoding="utf-8").strip():
        return failure(CHECK, f"{path} is empty", "ray get-auth-token --generate makes one")
    return ok(CHECK, f"{path}, mode {status.st_mode & 0o777:04o}")


def locked(dashboard: str, *, seconds: float = 5.0) -> Finding:
    """Whether a cluster turns away whoever has no token, for its job API runs what it is sent.

    Args:
        dashboard: its address, such as ``http://127.0.0.1:8265``.
    """
    check = "cluster asks for the token"
    try:
        with urlopen(f"{dashboard.rstrip('/')}/api/jobs/", timeout=seconds):
            advice = (
                "end it, and start Ray on all its nodes with RAY_AUTH_MODE=token, as ray_cluster.yaml does"
            )
            return failure(check, f"{dashboard} runs code for anybody, without a token", advice)
    except HTTPError as error:
        if error.code in (401, 403):
            return ok(check, f"{dashboard} answers {error.code} without it")
        return warning(
            check, f"{dashboard} answers {error.code} {error.reason}", "see the head's dashboard.log"
        )
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        return warning(check, f"{dashboard} does not answer: {reason}", "look again on the head")


def digest(environment: Mapping[str, str]) -> str:
    """What tells a token from another without giving it away; empty where there is none."""
    text = environment.get("RAY_AUTH_TOKEN", "")
    if not text and (path := token_file(environment)).exists():
        text = path.read_text(encoding="utf-8")
    return hashlib.sha256(b"retable doctor" + text.strip().encode()).hexdigest()[:8] if text.strip() else ""


def same_token(digests: Mapping[str, str]) -> Finding:
    """Whether all nodes have the same token.

    Args:
        digests: node -> `digest`.
    """
    check = "same token on all nodes"
    if len(set(digests.values())) <= 1:
        return ok(check, f"{len(digests)} nodes")
    groups = [
        "/".join(n for n, other in digests.items() if other == one) for one in dict.fromkeys(digests.values())
    ]
    return failure(check, f"{len(groups)} tokens: on {', on '.join(groups)}", "copy the head's to the others")
