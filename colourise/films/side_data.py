"""Side data of decoded pictures: what FFmpeg hands out beside their pixels, such as captions."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

from av.dictionary import Dictionary

MADE_UP = {
    *("DISPLAYMATRIX", "GOP_TIMECODE", "PANSCAN", "SEI_UNREGISTERED"),
    *("DETECTION_BBOXES", "MOTION_VECTORS", "REGIONS_OF_INTEREST", "VIDEO_ENC_PARAMS", "VIDEO_HINT"),
}
"""FFmpeg's names of side data that say nothing about a film; turning.py looks at DISPLAYMATRIX."""


def pieces(picture: Any) -> list[Any]:
    """Return all side data of a decoded picture. Nothing else may ask PyAV for them.

    PyAV 18 frees the metadata of a piece, such as the name of an ICC profile, which FFmpeg frees with the
    picture: once both are done, the program crashes. So PyAV is kept from it, at the cost of a few bytes.

    Raises:
        ValueError: PyAV has no name for one of them.
    """
    found = list(picture.side_data)
    for piece in found:
        for held in gc.get_referents(piece):
            if isinstance(held, Dictionary) and len(held):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    return found


def names(picture: Any) -> set[str]:
    """Return FFmpeg's names of a decoded picture's side data, without what is `MADE_UP`."""
    try:
        return {piece.type.name for piece in pieces(picture)} - MADE_UP
    except ValueError as err:  # PyAV has no name for one of them
        return {f"side data of kind {str(err).split()[0]}"}
