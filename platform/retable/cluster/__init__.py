"""The Ray package: the only place that imports Ray."""
