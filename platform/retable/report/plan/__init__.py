"""Plan and forecast as text on a console. Called by the command line."""
