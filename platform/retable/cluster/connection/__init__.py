"""The connection to Ray: its settings, its token, and the checks before a study starts. All of `cluster` may call."""
