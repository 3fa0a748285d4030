"""The live view of a run: progress, scores, cost and time left. Only `retable.cli.actions.training` calls it."""
