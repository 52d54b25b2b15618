"""A picture as a file stores it, before it is turned upright and converted to sRGB."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from colourise.errors import PhotoError


@dataclass
class Stored:
    """A picture as a file stores it."""

    announced: tuple[int, ...]
    """(H, W) or (H, W, C), without alpha, as the header says; read before any pixel was decoded."""
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


def check(stored: Stored) -> None:
    """Refuse a picture that is not the one its header announced: other rows, columns, channels or numbers.

    Every decoder's result passes here. What a decoder left out within that shape is found where it decodes:
    `pillow.load`, `png_checks`, `jpeg`, `jpeg2000`, `heif_checks` and `tiff_checks`.

    Raises:
        PhotoError: the decoder made something else of the file.
    """
    pixels, alpha = stored.pixels, stored.alpha
    shapes = [pixels.shape] if alpha is None else [pixels.shape, alpha.shape]
    dtypes = {array.dtype for array in (pixels, alpha) if array is not None}
    if shapes != [stored.announced, stored.announced[:2]][: len(shapes)] or not (
        len(dtypes) == 1 and pixels.dtype in (np.uint8, np.uint16)
    ):
        found, announced = (" x ".join(map(str, shape)) for shape in (pixels.shape, stored.announced))
        raise PhotoError(
            f"its header says {announced}, and its pixels are {found} ({pixels.dtype})",
            advice="save it again with another program first",
        )


def to_srgb(stored: Stored) -> bytes | None:
    """Convert the pixels to sRGB if the file's profile is for something else.

    Returns:
        The profile for the output: the file's own if that is sRGB, ours after a conversion.
    """
    profile = stored.info.get("icc_profile") or _profile_of_chunks(stored)
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
                icc.check(profile)
                stored.pixels = icc.to_srgb(stored.pixels, profile)
                return icc.srgb()
        except RuntimeError:  # imagecodecs.CmsError is one
            stored.notes.append("its colour profile is damaged and is ignored")
    if cmyk:
        stored.pixels = icc.cmyk_to_rgb(stored.pixels)
    return None


def _profile_of_chunks(stored: Stored) -> bytes | None:
    """Return a profile for the gAMA and cHRM chunks of a PNG, where sRGB and cICP do not say better."""
    gamma, chromaticity = stored.info.get("gamma"), stored.info.get("chromaticity")
    if (gamma or chromaticity) is None or "srgb" in stored.info or "cicp" in stored.info:
        return None
    from colourise.images import icc

    try:
        return icc.of_chunks(gamma, chromaticity, grey=stored.pixels.ndim == 2)
    except RuntimeError:
        stored.notes.append("its gamma and primaries (gAMA, cHRM) are nonsense and are ignored")
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
