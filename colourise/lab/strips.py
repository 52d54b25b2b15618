"""Strips of rows, in which work goes through a large picture so that memory does not grow with it."""

from __future__ import annotations


def rows_within(limit: int, width: int) -> int:
    """Return how many rows of this width are within a limit, at least 1; both are in pixels, or in bytes."""
    return max(1, limit // max(1, width))


def strips(height: int, width: int, limit: int) -> list[slice]:
    """Return slices of `rows_within(limit, width)` rows that cover `height`; the last may have fewer."""
    step = rows_within(limit, width)
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]
