"""The formats of a results folder: the names of its files, and a dataclass with `read` and `write` for each."""
