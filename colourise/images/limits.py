"""How large a picture may be."""

from colourise.errors import PhotoError

MAX_PIXELS = 500_000_000
"""Larger pictures are refused as decompression bombs. A 6 x 9 cm negative at 6400 dpi has 340 million."""


def check_size(width: int, height: int) -> None:
    """Refuse a picture without pixels, and one with more than MAX_PIXELS.

    Raises:
        PhotoError: the picture is refused.
    """
    if width < 1 or height < 1:
        raise PhotoError(f"has no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{width} x {height} is {width * height / 1e6:.0f} megapixels; the limit of "
            f"{MAX_PIXELS / 1e6:.0f} guards against decompression bombs",
            advice="scale or split it first",
        )
