"""What the data rooms raise."""


class DataError(ValueError):
    """A data set can't be used as it is. The message says what is wrong with it and what to do."""
