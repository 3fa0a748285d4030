"""Classifiers whose logits and features score generators, trained here or pretrained; each has a folder."""
