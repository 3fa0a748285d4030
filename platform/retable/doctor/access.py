"""Checks of the token that protects a cluster: it exists, only its user can read it, and the cluster asks for it."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from retable.doctor.finding import Finding, failure, ok, warning

CHECK = "token"


def token_file(environment: Mapping[str, str]) -> Path:
    """Path at which Ray looks for the token."""
    return Path(environment.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token").expanduser()


def token(environment: Mapping[str, str], *, needed: bool) -> Finding:
    """Check that the token file exists, is not empty, and can be read by its owner only.

    Args:
        environment: variables of the process that would connect; RAY_AUTH_TOKEN takes precedence over any file.
        needed: True if a cluster exists already, which must have a token; otherwise the first run makes one.
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


def requires_token(dashboard: str, *, seconds: float = 5.0) -> Finding:
    """Check that a cluster refuses requests without the token, since its job API runs any code that it is sent.

    Args:
        dashboard: the cluster's address, such as ``http://127.0.0.1:8265``.
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
    """A short hash that tells tokens apart without revealing them; empty if there is no token."""
    text = environment.get("RAY_AUTH_TOKEN", "")
    if not text and (path := token_file(environment)).exists():
        text = path.read_text(encoding="utf-8")
    return hashlib.sha256(b"retable doctor" + text.strip().encode()).hexdigest()[:8] if text.strip() else ""


def same_token(digests: Mapping[str, str]) -> Finding:
    """Check that all nodes have the same token.

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
