"""How weights change: returns, baselines, objectives and the optimizer, as mathematics without effects."""
