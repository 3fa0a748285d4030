"""The embedded data sets, rendered on first use. Called by `data.datasets` and by reader processes."""
