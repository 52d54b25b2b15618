"""How players turn and mirror the pictures of a film: its display matrix."""

from __future__ import annotations

import struct
from typing import Any

from colourise.films.side_data import pieces

Matrix = tuple[int, ...]
"""FFmpeg's AVDisplayMatrix: a, b, u, c, d, ...; a player shows (x, y) at (ax + cy, bx + dy), y downwards."""

ONE = 1 << 16
IDENTITY: Matrix = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


def display_matrix(picture: Any) -> Matrix:
    """Return the display matrix of a decoded picture."""
    try:
        found = [bytes(data) for data in pieces(picture) if data.type.name == "DISPLAYMATRIX"]
    except ValueError:  # PyAV has no name for some other side data
        found = []
    return struct.unpack("=9i", found[0]) if found else IDENTITY


def rotation_of(matrix: Matrix) -> int:
    """Return the degrees, a multiple of 90, by which pictures are turned counter-clockwise to stand upright.

    If they are mirrored too, they still stand upright; if they lie at another angle, they are not turned.
    """
    a, b, _, c, d = matrix[:5]
    if not any((a or d, b or c)) or ((a or d) and (b or c)):
        return 0
    # The top of a picture, (0, -1), comes to lie at (-c, -d)
    return (0 if d >= 0 else 180) if a or d else (90 if c > 0 else 270)


def is_turned_alone(matrix: Matrix) -> bool:
    """Tell whether a matrix turns pictures by a multiple of 90 degrees, and does nothing else."""
    a, b, _, c, d = matrix[:5]
    return (a, b) == (d, -c) and 0 in (a, b)


def linear(matrix: Matrix) -> tuple[float, ...]:
    """Return the part of a matrix that turns and mirrors, rounded."""
    return tuple(round(matrix[place] / ONE, 2) + 0.0 for place in (0, 1, 3, 4))
