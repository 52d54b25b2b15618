"""Colour photos to learn from and to score on."""
