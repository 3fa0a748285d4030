"""Checks of one machine, and of the links between machines. `cluster.health` and the command line call them."""
