"""Figures of trained models: finished trials, kinds of figures, comparisons. For model families and the command line."""
