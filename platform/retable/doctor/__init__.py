"""Checks of one machine, and of measurements between machines. The command line and `cluster.health` call it."""
