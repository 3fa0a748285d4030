"""Retable: a paper's tables declared once, trained wherever Ray runs, and reported beside the paper's numbers."""
