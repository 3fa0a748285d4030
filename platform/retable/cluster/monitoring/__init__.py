"""Metrics for Prometheus, served through Ray. Only `cluster` calls it."""
