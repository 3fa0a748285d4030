"""Ray Jobs: studies that are submitted to a cluster from another machine. The command line calls it."""
