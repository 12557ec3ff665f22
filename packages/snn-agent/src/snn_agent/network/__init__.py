"""The network: its weights, its readouts, the organism that acts, and the surgery that changes which neurons exist."""
