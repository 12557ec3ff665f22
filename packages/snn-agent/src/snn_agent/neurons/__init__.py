"""One neuron, on paper: its equations, their exact solutions, the derivative of a spike, and how input reaches it."""
