"""Samples and batches from decoded frames, and stored arrays. Called by evaluation and the model families."""
