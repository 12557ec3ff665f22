"""Training: worlds, rollouts, the agent as a whole, checkpoints and the trainer. Effects live here."""
