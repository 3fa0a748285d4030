"""Figures 6 to 15 of TGANv2, drawn from finished trials by `retable figures`."""
