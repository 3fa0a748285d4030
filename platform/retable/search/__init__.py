"""Hyperparameter search: the only room that imports Optuna. The command line calls it."""
