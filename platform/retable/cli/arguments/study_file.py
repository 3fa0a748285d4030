"""The file of a study: its STUDY, however the file is run, and its mistakes in one sentence with file and line."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from retable.cli.arguments.mistakes import explained
from retable.errors import RetableError
from retable.study.study import Study

PREFIX = "study_file_"
"""Before the name of a loaded file in `sys.modules`, so that no file hides a module that has its name."""


class StudyFileError(RetableError, ValueError):
    """A file that is no study, or has a mistake."""


def load_study(path: Path) -> Study[Any]:
    """The STUDY that a file exports. As with `python FILE`, the file's folder is searched for modules first.

    The file is executed at each call, as a module with a name of its own in `sys.modules`.

    Raises:
        StudyFileError: there is no such file, it has a mistake, or it exports no STUDY.
    """
    if not path.is_file() or path.suffix != ".py":
        raise StudyFileError(f"a study is a Python file that exports STUDY, but {path} is no such file")
    module = _executed(path)
    study = getattr(module, "STUDY", None)
    if isinstance(study, Study):
        return study
    others = [name for name, value in vars(module).items() if isinstance(value, Study)]
    found = "nothing of that name" if study is None else f"a {type(study).__name__}"
    raise StudyFileError(
        f"{path} must export STUDY, a retable.study.study.Study, but has {found}",
        remedy=f"did you mean {others[0]}? Name it STUDY" if others else "",
    )


def load_script(path: Path) -> Study[Any]:
    """`load_study`, for a process of its own: Ray's workers too search the file's folder, as with `python FILE`.

    Ray gives its workers the folder of ``sys.argv[0]``.
    """
    sys.argv[0] = str(path.resolve())
    return load_study(path)


def loaded_files() -> list[ModuleType]:
    """The modules of all files that were loaded. Other processes can't import them by their names."""
    return [module for name, module in dict(sys.modules).items() if name.startswith(PREFIX)]


def _executed(path: Path) -> ModuleType:
    file = path.resolve()
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    name = f"{PREFIX}{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it is executed: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        mistake = explained(error, file)
        if mistake is None:
            raise
        raise StudyFileError(mistake.problem, remedy=mistake.remedy) from error
    return module
