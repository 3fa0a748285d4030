"""Losses and gradient penalties of TGANv2, and every gradient of a step from one pass of the discriminator."""
