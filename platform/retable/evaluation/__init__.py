"""Scores of generators by a protocol: configs, classifiers' features, evaluators. Called by model families."""
