"""Comparisons of many runs: arms, running them, and what came of it."""
