"""The command line: `retable VERB STUDY.py …`, and `python STUDY.py VERB …` with the same verbs and options.

The file of a verb is imported when the verb is called, so that `retable --help` answers at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.exceptions import MissingArgumentError, RepeatArgumentError, UnusedCliTokensError
from rich.console import Console
from rich.text import Text

from retable.cli.aliases import STUDY_VERBS, in_one_vocabulary
from retable.cli.arguments.usage import UsageError, check_verb
from retable.errors import RetableError, expected
from retable.io.console import open_console

if TYPE_CHECKING:
    from retable.cli.arguments.options import StudyOptions
    from retable.study.study import Study

VERBS = {
    "plan": "Print the trials that would run and their cost.\n\nThe plan shows the memory, GPUs, hours and price of each trial, "
    "and the reason for each cell that can't run. It starts nothing.",
    "run": "Train the missing trials, then print the tables.\n\nThe same command again resumes the study. A finished trial is "
    "never trained again.",
    "status": "Print the state of each trial.\n\nThe states are read from the folder of results, even while another "
    "process trains.",
    "retry": "Train failed and missing trials, then print the tables.\n\n`run` retries by itself after lost workers and lack of memory.",
    "extend": "Run with more seeds or more iterations.\n\nLonger training continues from the last checkpoints.",
    "table": "Print and export the tables of finished trials.",
    "figures": "Draw the figures of finished trials.\n\nThe files are written to the subfolder figures of the folder of results.",
    "submit": "Run a study on a cluster.\n\nThe job runs on the cluster's head and continues without this machine. The same "
    "command again resumes the study.",
    "logs": "Print the log of a study's newest job on a cluster.",
    "stop": "Stop a study's newest job on a cluster.\n\nThe job saves before it ends.",
    "ship": "Deliver to MLflow what it lacks.\n\nThe command delivers all studies in the folder of results, also to a new MLflow.",
    "data": "Check or prepare a data set.",
    "doctor": "Check whether this machine or a cluster can train.\n\nThe exit code is 1 if it can't.",
}
"""Verb -> its help, of which `retable --help` has the first line. A verb is a function or an App in `retable.cli.commands`."""

FILES = {"submit": "remote", "logs": "remote", "stop": "remote"}
"""Verbs whose file has another name than theirs."""


def main(study: "Study[Any] | None" = None, arguments: Sequence[str] | None = None) -> int:
    """The command line of one study, as its file calls it; without a study, the ``retable`` command.

    Args:
        study: the study of the file that is run as a script.
        arguments: the tokens of the command line; None for those of this process.

    Returns:
        The exit code. 0: done. 1: a trial did not finish, or a check failed. 2: bad input, or no cell can run. 130: Ctrl-C.
    """
    console = open_console()
    try:
        return _call(study, arguments, console)
    except (CycloptsError, UsageError) as error:
        _print_error(_sentence(error), Console(stderr=True))
        return 2
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing finished is lost: run the same command again to go on.")
        return 130
    except Exception as error:
        known = expected(error) or (error if isinstance(error, ValueError | OSError) else _mistake(error))
        if known is None:
            raise
        _print_error(str(known), console)
        return 2


main_study = main
"""The former name of `main`, for studies that call it."""


def _call(study: "Study[Any] | None", arguments: Sequence[str] | None, console: Console) -> int:
    """Parse the tokens, and call the verb."""
    typed = sys.argv[1:] if arguments is None else arguments
    tokens, notices = in_one_vocabulary(typed, script=study is not None)
    for notice in notices:
        Console(stderr=True).print(Text(notice, style="yellow"), soft_wrap=True)
    if study is not None:
        file = _script()
        if typed and typed[0] in ("--help", "-h"):
            _print_verbs(Path(file).name, console)
        tokens.insert(1, file)

    def load(path: Path) -> "Study[Any]":
        from retable.cli.arguments import study_file

        if study is not None:
            return study
        return study_file.load_script(path) if arguments is None else study_file.load_study(path)

    if tokens and not tokens[0].startswith("-"):
        # To suggest a verb the library would import the files of all of them.
        check_verb(tokens[0], [*VERBS, "completion"])
    command, bound, wanted = _app().parse_args(tokens, exit_on_error=False, print_error=False)
    if "session" not in wanted:
        return int(command(*bound.args, **bound.kwargs) or 0)
    from retable.cli.arguments.request import Session

    return int(
        command(*bound.args, **bound.kwargs, session=Session(console, load, _options, tuple(tokens[1:])))
    )


def _script() -> str:
    """The file that this process runs."""
    return getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0]


def _mistake(error: Exception) -> RetableError | None:
    """The expected error for an exception that a line of a study's file raised; None for any other."""
    from retable.cli.arguments.mistakes import explained_later
    from retable.cli.arguments.study_file import loaded_files

    files = [Path(module.__file__) for module in loaded_files() if module.__file__]
    mistake = explained_later(error, [*files, Path(_script()).absolute()])
    return RetableError(mistake.problem, remedy=mistake.remedy) if mistake else None


def _app() -> App:
    app = App(
        name="retable",
        help="Declare a GAN paper's tables once, run the grid, and get the tables back.",
        version=_version,
        default_parameter=Parameter(negative=()),
        help_format="plaintext",  # Markdown takes a third of the time of --help
    )
    for at, (verb, about) in enumerate(VERBS.items()):
        path = f"retable.cli.commands.{FILES.get(verb, verb)}:{verb}"
        app.command(path, name=verb, help=about, sort_key=at)
    app.command(_completion, name="completion", sort_key=len(VERBS))
    return app


def _options(tokens: Sequence[str]) -> "StudyOptions":
    """The options of a verb that takes a study.

    Args:
        tokens: the verb, the file, and the options.

    Raises:
        CycloptsError: they are not those of the verb.
    """
    _, bound, _ = _app().parse_args(list(tokens), exit_on_error=False, print_error=False)
    bound.apply_defaults()
    options: StudyOptions = bound.arguments["options"]
    return options


def _completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script of a shell.

    Args:
        shell: The shell. For bash, put this into ~/.bashrc: source <(retable completion bash)
    """
    sys.stdout.write(_app().generate_completion(shell=shell))


def _version() -> str:
    from importlib.metadata import version

    return version("retable")


def _print_verbs(file: str, console: Console) -> None:
    """The first part of the help of a study's file; the options of ``run`` follow."""
    console.print(f"Usage: python {file} [VERB] [OPTIONS]\n", highlight=False, markup=False)
    for verb in STUDY_VERBS:
        console.print(f"  {verb:<8} {VERBS[verb].splitlines()[0]}", highlight=False, markup=False)
    console.print(
        f"\nWithout a verb: run. `python {file} VERB --help` lists the options of a verb. Leave out its STUDY.\n",
        highlight=False,
        markup=False,
    )


def _sentence(error: Exception) -> str:
    """The error in a sentence, with the command that lists what is expected."""
    if isinstance(error, UsageError):
        return str(error)
    text = str(error).rstrip(".")
    chain = list(getattr(error, "command_chain", None) or [])
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        text = f"unexpected argument {' '.join(error.unused_tokens)}"
    elif isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        text = f"{name} needs a value" if name.startswith("-") else f"{name} is missing"
    elif isinstance(error, RepeatArgumentError) and error.token is not None:
        text = f"{error.token.keyword} is given twice, expected once"
    return f"{text} (see `{' '.join(['retable', *chain, '--help'])}`)"


def _print_error(text: str, console: Console) -> None:
    console.print(Text(text, style="red"), soft_wrap=True)
