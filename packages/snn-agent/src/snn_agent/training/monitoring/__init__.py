"""Watching a run from outside: an exporter for Prometheus and a writer for TensorBoard."""
