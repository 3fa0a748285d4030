"""Older words of the command line -> today's. They are kept for a release, and each use of one prints a notice."""

from collections.abc import Sequence

from retable.cli.arguments.usage import UsageError, check_verb, is_remote

STUDY_VERBS = ("plan", "run", "status", "retry", "extend", "table", "figures", "submit", "logs", "stop")
"""Verbs that take a study, so that they are also the verbs of a study's own file."""

FLAGS = {
    "--plan": "plan",
    "--report": "table",
    "--status": "status",
    "--extend": "extend",
    "--retry": "retry",
}
"""Options that stood for verbs."""

TRAINING = {
    "--local": 0,
    "--retries": 1,
    "--gpus-per-worker": 1,
    "--wait-for-nodes": 1,
    "--optuna-storage": 1,
}
UNUSED = {"plan": TRAINING, "table": {**TRAINING, "--workers": 1, "--address": 1}}
UNUSED["status"] = UNUSED["table"]
"""Verb -> the options, with their numbers of values, that an option in its place took and did not use."""


def in_one_vocabulary(typed: Sequence[str], *, script: bool) -> tuple[list[str], list[str]]:
    """Today's tokens for the typed ones, the verb first, and a notice for each older word.

    Args:
        typed: the tokens of a command line, without the program's name.
        script: whether the file of a study was called, where the verb may be absent: it is then ``run``.

    Raises:
        UsageError: the file of a study was called with a verb that takes none, or with two verbs.
    """
    tokens, notices = _renamed(typed)
    verb = ""
    if tokens and not tokens[0].startswith("-"):
        verb = tokens.pop(0)
        if script:
            check_verb(verb, STUDY_VERBS)
    elif not script:
        return tokens, notices
    if verb not in ("", "submit"):
        return [verb, *tokens], notices
    named, tokens, notice = _verb_of_flag(tokens)
    notices += notice
    if verb == "submit":
        at = 0 if script else 1 + next((at for at, word in enumerate(tokens) if word.endswith(".py")), -1)
        return ["submit", *tokens[:at], *named, *tokens[at:]], notices
    if not named and any(word.startswith("--from-mlflow=") for word in tokens):
        named = ["table"]
        notices.append(_deprecation("--from-mlflow without a verb", "table --from-mlflow"))
    return [*(named or ["run"]), *tokens], notices


def _renamed(typed: Sequence[str]) -> tuple[list[str], list[str]]:
    """Options by their names of today; ``--from-mlflow`` without a value has an empty one."""
    tokens: list[str] = []
    notices: list[str] = []
    for at, word in enumerate(typed):
        option, equals, value = word.partition("=")
        if option == "--storage":
            word = f"--optuna-storage{equals}{value}"
            notices.append(_deprecation("--storage", "--optuna-storage"))
        if word == "--from-mlflow" and (at + 1 == len(typed) or typed[at + 1].startswith("-")):
            word = "--from-mlflow="
        tokens.append(word)
    return tokens, notices


def _verb_of_flag(tokens: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The verb that an option stands for, with the classes of ``--retry``; the other words; the notice."""
    found = [at for at, word in enumerate(tokens) if word.partition("=")[0] in FLAGS]
    if not found:
        return [], list(tokens), []
    if len(found) > 1:
        raise UsageError(f"{tokens[found[0]]} and {tokens[found[1]]} are two verbs, expected one")
    (at,) = found
    flag, _, classes = tokens[at].partition("=")
    rest = list(tokens[at + 1 :])
    if (
        flag == "--retry"
        and not classes
        and rest
        and not rest[0].startswith("-")
        and not rest[0].endswith(".py")
    ):
        classes = rest.pop(0)
    named = [FLAGS[flag], *(["--class", classes] if classes else [])]
    return named, _used(named[0], [*tokens[:at], *rest]), [_deprecation(flag, named[0])]


def _used(verb: str, tokens: Sequence[str]) -> list[str]:
    """The tokens without options that the verb does not use; the address of a cluster's head becomes ``--cluster``."""
    unused = UNUSED.get(verb, {})
    used: list[str] = []
    left = list(tokens)
    while left:
        token = left.pop(0)
        option, equals, value = token.partition("=")
        if option not in unused:
            used.append(token)
            continue
        if unused[option] and not equals and left:
            value = left.pop(0)
        if option == "--address" and is_remote(value):
            used += ["--cluster", value]
    return used


def _deprecation(old: str, new: str) -> str:
    return f"{old} is now {new}, and will be refused by the next release."
