"""Watching an organism live: its world, its neurons tick by tick, and how it grew."""
