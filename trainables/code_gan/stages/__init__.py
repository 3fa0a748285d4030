"""Layers, losses, sizes and checks that both stages share."""
