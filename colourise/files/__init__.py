"""Files: their names, sizes and times, folders and stores of them, and how they are written atomically."""
