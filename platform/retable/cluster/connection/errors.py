"""Errors of clusters that can't be used."""

from retable.errors import RetableError


class ClusterError(RetableError, ConnectionError):
    """A cluster can't be reached, or a request to it fails."""
