"""Costs of a training step, counted or measured: FLOPs, memory and throughput. Called by planning and the rooms above it."""
