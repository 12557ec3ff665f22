"""What studies of many runs say: statistics over seeds, curves, and verdicts by rules fixed before the runs."""
