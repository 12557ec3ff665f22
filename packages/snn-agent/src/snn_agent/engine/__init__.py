"""Many neurons, fast: one contract, several engines that keep it, chosen by name."""
