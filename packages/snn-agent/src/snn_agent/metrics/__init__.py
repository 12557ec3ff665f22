"""Numbers about networks and runs: what neurons do, how varied they are and what it costs. Definitions, no effects."""
