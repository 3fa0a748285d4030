"""Costs of a training step, counted or measured: FLOPs, memory, throughput. Called by planning and the rooms above."""
