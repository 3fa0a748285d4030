"""Trained autoencoders scored on images of another size, as trials that only score."""
