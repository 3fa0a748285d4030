"""Figures of both stages, drawn from finished trials by `retable figures`."""
