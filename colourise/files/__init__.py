"""Files as such: their names, how they appear whole, and what lies on no disk of this machine."""
