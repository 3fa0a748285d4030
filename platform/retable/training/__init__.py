"""The training loop of one trial and the run it works in. Execution and cluster workers call it."""
