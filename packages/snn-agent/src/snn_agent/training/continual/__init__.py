"""Training through a sequence of tasks."""
