"""Metrics as pure functions of features, logits or images, and the protocol names of their numbers. Callable from all rooms above."""
