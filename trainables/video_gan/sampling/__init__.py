"""Trained TGANv2 models sampled another way, and real clips in their place, as trials that only score."""
