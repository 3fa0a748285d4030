"""Detection of damage in media files. Called by `data.decode` in reader processes."""
