"""Layers, initial weights and optimisers that two or more families share. Called by families only."""
