"""Folders of photos: planned, coloured side by side, remembered."""
