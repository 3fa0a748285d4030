"""Data sets, from files on disk to batches that resume exactly. Called by planning and all rooms above it."""
