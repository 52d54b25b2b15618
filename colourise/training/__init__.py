"""How a generator learns: recipes, losses, the loop."""
