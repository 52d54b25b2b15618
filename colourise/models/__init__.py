"""Models: the networks, their checkpoints and cards, and what runs them."""
