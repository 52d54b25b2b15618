"""JPEG 2000 of more than 8 bits a channel, which Pillow would reduce to 8."""

from typing import BinaryIO

from colourise.images.channels import Channels, full_range, split


def read_deep(file: BinaryIO) -> Channels | None:
    """Decode a file of 9 to 16 bits, grey or RGB, with or without alpha; None if it has no more than 8."""
    file.seek(0)
    data = file.read()
    if (bits := _bits(data)) <= 8:
        return None
    import imagecodecs

    return split(full_range(imagecodecs.jpeg2k_decode(data), bits), alpha=True)


def _bits(data: bytes) -> int:
    """Return the bits a channel, from the SIZ marker (ISO/IEC 15444-1, A.5.1); 0 if there is none."""
    start = data.find(b"\xff\x4f\xff\x51")
    return (data[start + 42] & 0x7F) + 1 if 0 <= start < len(data) - 42 else 0
