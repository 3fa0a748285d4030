"""Plots as PNG and SVG. Called by the report, by search, and by the figures of the families."""
