"""Delivery of metrics and files to MLflow: the only room that imports it. The command line calls it."""
