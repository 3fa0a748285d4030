"""Studies: one module for each question. Each exports `STUDY`, or prints counted costs, and runs as a script."""
