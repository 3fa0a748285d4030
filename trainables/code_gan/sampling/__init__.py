"""Trained code-GANs sampled from truncated noise, and real images in their place, as trials that only score."""
