"""The command line: ``retable``, and the same verbs of a study's own file. Only studies and `python -m retable` call it."""

from retable.cli.main import main

__all__ = ["main"]
