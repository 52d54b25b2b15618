"""Colour itself: sRGB <-> CIE Lab, and ab laid over a picture's own lightness."""
