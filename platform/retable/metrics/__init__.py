"""Metrics as pure functions of features, logits or images, and their protocol names. Any higher room may call."""
