"""The error of the data rooms."""

from retable.errors import RetableError


class DataError(RetableError, ValueError):
    """A data set can't be used as it is. The message says what is wrong with it and what to do."""
