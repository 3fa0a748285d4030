"""Exceptions of a user's file -> a sentence with the file, the line and the closest name that exists."""

import builtins
import dataclasses
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb
from types import FrameType

from retable.errors import RetableError

_UNKNOWN_FIELD = re.compile(
    r"(?P<owner>\w+)\.__init__\(\) got an unexpected keyword argument '(?P<field>\w+)'"
)
_MISSING_FIELD = re.compile(r"\w+\.__init__\(\) missing \d+ required (keyword-only|positional) arguments?: ")
_UNKNOWN_IMPORT = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'")


@dataclass(frozen=True)
class Mistake:
    """A mistake in a user's file.

    Attributes:
        problem: file, line, and a sentence without its full stop.
        remedy: the closest name that exists; empty if none is close.
    """

    problem: str
    remedy: str = ""


def explained(error: Exception, file: Path) -> Mistake | None:
    """The mistake of the user that an exception stands for; None for an exception that should keep its traceback.

    Args:
        error: raised while `file` was executed.
        file: absolute path of the user's file. Files beside it are the user's as well.
    """
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        return Mistake(f"{error.filename}:{error.lineno}: {error.msg}{f': {line}' if line else ''}")
    place, frame = _place(error, file)
    if isinstance(error, ImportError):
        problem, wrong, names = _of_import(error)
    elif isinstance(error, RetableError | ValueError):
        problem, wrong, names = str(error), "", []
    elif not _is_users(error, file):
        return None
    elif isinstance(error, NameError) and error.name:
        names = [*frame.f_locals, *frame.f_globals, *dir(builtins)] if frame else []
        problem, wrong = f"name {error.name!r} is not defined", error.name
    elif isinstance(error, AttributeError) and error.name:
        problem, wrong, names = str(error), error.name, dir(error.obj)
    elif isinstance(error, TypeError) and (found := _UNKNOWN_FIELD.search(str(error))):
        wrong = found["field"]
        names = _fields(error, found["owner"])
        problem = f"{found['owner']} has no field {wrong!r}"
    elif isinstance(error, TypeError) and _MISSING_FIELD.search(str(error)):
        problem, wrong, names = str(error), "", []
    else:
        return None
    close = get_close_matches(wrong, names, n=1)
    return Mistake(f"{place}: {problem}", f"did you mean {close[0]!r}?" if close else "")


def explained_later(error: Exception, files: Iterable[Path]) -> Mistake | None:
    """Likewise, for an exception of a function that a file defines and that was called after the file was executed."""
    for file in files:
        if isinstance(error, TypeError | NameError | AttributeError) and _is_users(error, file):
            return explained(error, file)
    return None


def _place(error: Exception, file: Path) -> tuple[str, FrameType | None]:
    """FILE:LINE of the deepest frame in the user's files, and the frame."""
    mine = [
        (frame, line)
        for frame, line in walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).parent == file.parent
    ]
    if not mine:
        return str(file), None
    frame, line = mine[-1]
    return f"{frame.f_code.co_filename}:{line}", frame


def _is_users(error: Exception, file: Path) -> bool:
    """True if a line of the user raised it, also by `dataclasses.replace`, and no line of ours."""
    files = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)]
    own = [name for name in files if name != dataclasses.__file__]
    return bool(own) and Path(own[-1]).parent == file.parent


def _of_import(error: ImportError) -> tuple[str, str, Iterable[str]]:
    """Problem, wrong name and names that exist, of a module or a name that can't be imported."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        parent, _, name = error.name.rpartition(".")
        return f"there is no module {error.name!r}", name, _modules(parent)
    if found := _UNKNOWN_IMPORT.search(str(error)):
        module = sys.modules.get(found["module"])
        problem = f"{found['module']} has no {found['name']!r}"
        return problem, found["name"], [*dir(module), *_modules(found["module"])]
    return str(error), "", []


def _modules(package: str) -> list[str]:
    """Names of the modules in a package; of all modules for an empty name."""
    if not package:
        return [*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules())]
    spec = importlib.util.find_spec(package) if package in sys.modules else None
    places = spec.submodule_search_locations if spec else None
    return [module.name for module in pkgutil.iter_modules(places or [])]


def _fields(error: Exception, owner: str) -> list[str]:
    """Fields of the dataclass of that name among the objects at hand where the error was raised."""
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        for value in (*frame.f_locals.values(), *frame.f_globals.values()):
            kind = value if isinstance(value, type) else type(value)
            if kind.__name__ == owner and dataclasses.is_dataclass(kind):
                return [field.name for field in dataclasses.fields(kind) if field.init]
    return []
