"""The checks of `retable doctor` on every node of a cluster. The command line calls them."""
