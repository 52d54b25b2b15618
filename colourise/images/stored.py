"""A picture as a file stores it, before it is turned upright and converted to sRGB."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image


@dataclass
class Stored:
    """A picture as a file stores it."""

    pixels: np.ndarray
    """(H, W), (H, W, 3), or (H, W, 4) for CMYK; uint8 or uint16 over its full range."""
    alpha: np.ndarray | None
    """(H, W) of the same dtype, or None."""
    info: dict[str, Any]
    """The file's other data, by Pillow's keys: "icc_profile", "xmp", "iptc", "dpi"."""
    tags: Image.Exif
    """EXIF, or the directory of a TIFF."""
    notes: list[str]
    """Messages for the user."""
    upright: bool = False
    """Whether the decoder has turned it upright already."""


def to_srgb(stored: Stored) -> bytes | None:
    """Convert the pixels to sRGB if the file's profile is for something else.

    Returns:
        The profile for the output: the file's own if that is sRGB, ours after a conversion.
    """
    profile = stored.info.get("icc_profile")
    cmyk = stored.pixels.ndim == 3 and stored.pixels.shape[2] == 4
    if not profile and not cmyk:
        return None
    from colourise.images import icc

    if profile:
        space = icc.colour_space(profile)
        fitting = ("CMYK",) if cmyk else ("RGB",) if stored.pixels.ndim == 3 else ("GRAY", "RGB")
        try:
            if space not in fitting:
                stored.notes.append(f"its colour profile is for {space or 'nothing'} and is ignored")
            elif space == "RGB" and icc.is_srgb(profile):
                return bytes(profile)
            else:
                stored.pixels = icc.to_srgb(stored.pixels, profile)
                return icc.srgb()
        except RuntimeError:  # imagecodecs.CmsError is one
            stored.notes.append("its colour profile is damaged and is ignored")
    if cmyk:
        stored.pixels = icc.cmyk_to_rgb(stored.pixels)
    return None


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W) or (H, W, C) upright from an EXIF orientation, 1 to 8."""
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
