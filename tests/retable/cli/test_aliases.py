"""Older words of the command line: the words of today that they become, and their notices."""

import pytest

from retable.cli.aliases import in_one_vocabulary
from retable.cli.arguments.usage import UsageError


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["--plan", "--scale", "toy"], ["plan", "--scale", "toy"]),
        (["--scale", "toy", "--report"], ["table", "--scale", "toy"]),
        (["--status", "--trial", "12ab"], ["status", "--trial", "12ab"]),
        (["--seeds", "0,1", "--extend"], ["extend", "--seeds", "0,1"]),
        (["--retry", "--local"], ["retry", "--local"]),
        (["--local", "--retry", "code,lost"], ["retry", "--class", "code,lost", "--local"]),
        (["--retry=lost"], ["retry", "--class", "lost"]),
        (["--plan", "--local", "--retries", "lost=1", "--workers", "2"], ["plan", "--workers", "2"]),
        (["--report", "--local", "--workers=2", "--out", "x"], ["table", "--out", "x"]),
        (["--status", "--address", "c.yaml"], ["status", "--cluster", "c.yaml"]),
        (["--status", "--address", "auto"], ["status"]),
        (["--from-mlflow"], ["table", "--from-mlflow="]),
        (["--storage", "sqlite:///a.db"], ["run", "--optuna-storage", "sqlite:///a.db"]),
        (["run", "--storage=sqlite:///a.db"], ["run", "--optuna-storage=sqlite:///a.db"]),
    ],
)
def test_older_words_of_a_script_become_todays_with_a_notice(typed: list[str], words: list[str]) -> None:
    found, notices = in_one_vocabulary(typed, script=True)
    assert found == words
    assert len(notices) == 1
    assert "will be refused by the next release" in notices[0]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ([], ["run"]),
        (["--scale", "toy"], ["run", "--scale", "toy"]),
        (["--help"], ["run", "--help"]),
        (["table", "--from-mlflow", "http://host"], ["table", "--from-mlflow", "http://host"]),
        (["table", "--from-mlflow", "--scale", "toy"], ["table", "--from-mlflow=", "--scale", "toy"]),
    ],
)
def test_todays_words_of_a_script_stay_without_a_notice(typed: list[str], words: list[str]) -> None:
    assert in_one_vocabulary(typed, script=True) == (words, [])


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["submit", "s.py", "--cluster", "c", "--plan"], ["submit", "s.py", "plan", "--cluster", "c"]),
        (["submit", "--retry", "s.py"], ["submit", "s.py", "retry"]),
        (["submit", "s.py", "--retry", "lost"], ["submit", "s.py", "retry", "--class", "lost"]),
        (["submit", "s.py", "extend"], ["submit", "s.py", "extend"]),
    ],
)
def test_a_submitted_verb_stands_behind_the_study(typed: list[str], words: list[str]) -> None:
    assert in_one_vocabulary(typed, script=False)[0] == words


def test_the_options_that_were_verbs_are_those_of_a_script_alone() -> None:
    assert in_one_vocabulary(["plan", "s.py", "--plan"], script=False) == (["plan", "s.py", "--plan"], [])


def test_two_verbs_and_verbs_without_a_study_are_refused() -> None:
    with pytest.raises(UsageError, match="--plan and --report are two verbs, expected one"):
        in_one_vocabulary(["--plan", "--report"], script=True)
    with pytest.raises(UsageError, match="the verb must be one of plan, run, .* but got 'doctor'"):
        in_one_vocabulary(["doctor"], script=True)
    with pytest.raises(UsageError, match="but got 'pla'; did you mean plan?"):
        in_one_vocabulary(["pla"], script=True)
