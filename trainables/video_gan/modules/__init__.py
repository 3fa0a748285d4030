"""Layers of TGANv2's networks; `trainables.video_gan.networks` builds them from a config."""
