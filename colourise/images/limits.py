"""How large a picture may be, and how much picture a file of so many bytes can hold."""

from colourise.errors import PhotoError

MAX_PIXELS = 500_000_000
"""Larger pictures are refused as decompression bombs. A 6 x 9 cm negative at 6400 dpi has 340 million."""

FLAT = 2**27
"""Pixels that a file may have however small it is: a white page of 100 megapixels is 100 bytes of WebP."""

PIXELS_A_BYTE = {
    "GIF": 4096 * 8 / 12,  # a code of 12 bits stands for at most 4096 pixels
    "BMP": 255 / 2,  # a run takes two bytes
}
"""Pixels that a byte can stand for, in formats with such a limit. PNG, JPEG and TIFF are counted exactly."""

_ANY_PIXELS_A_BYTE = 2**14  # beyond FLAT, in formats without such a limit
_SMALL = 2**20  # pixels that are not worth a question


def check_size(width: int, height: int, *, length: int | None = None, kind: str = "") -> None:
    """Refuse a picture without pixels, with more than MAX_PIXELS, or with more than its file can hold.

    Args:
        width: in pixels.
        height: in pixels.
        length: of the file, in bytes; None: not known.
        kind: Pillow's name of the format.
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
    if length is None:
        return
    if kind in PIXELS_A_BYTE:
        most = max(_SMALL, length * PIXELS_A_BYTE[kind])
    else:
        most = max(FLAT, length * _ANY_PIXELS_A_BYTE)
    if width * height > most:
        raise PhotoError(
            f"{width} x {height} pixels in {length} bytes: damaged, or a decompression bomb",
            advice="copy it again from its source",
        )
