"""All of a HEIF's or AVIF's main picture is there, or it is refused."""

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers.pictures import picture8, refused
from PIL import Image

from colourise import images
from colourise.images.containers import parts
from colourise.images.heif_checks import check_items

GRID = (Path(__file__).parent.parent / "cases" / "grid.heic").read_bytes()
"""192 x 128 in six tiles of 64 x 64, as phones write it: `save(..., tile_size=64)` of pillow-heif."""
START = GRID.index(b"mdat") + 4  # of the tiles' data


def saved(kind: str, picture: Image.Image) -> bytes:
    images.pillow.prepare(10**6)
    buffer = io.BytesIO()
    if kind == "HEIF":
        images.pillow._register_heif()
    picture.save(buffer, kind, quality=90)
    return buffer.getvalue()


def test_a_whole_grid_is_read() -> None:
    names = [part.name for part in parts(io.BytesIO(GRID), "HEIF")]
    assert (names.count("hvc1"), names.count("grid")) == (6, 1)
    assert images.read(GRID).pixels.std() > 30


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_grid_that_breaks_off(share: float) -> None:
    """libheif paints what is missing, and says nothing."""
    end = START + int(share * (len(GRID) - START))
    assert refused(GRID[:end]) == "truncated; copy it again from its source"
    assert refused(GRID[:end] + bytes(len(GRID) - end)) == "truncated; copy it again from its source"


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_zeros_in_place_of_data(kind: str, share: float) -> None:
    """What a disk or a download has not written."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    data = saved(kind, Image.fromarray(noise))
    at = int(share * len(data))
    assert images.read(data).pixels.shape == (64, 64, 3)
    assert refused(data[:at] + bytes(100) + data[at + 100 :]) == "truncated; copy it again from its source"


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("picture", [Image.new("RGB", (2000, 2000)), Image.fromarray(picture8(96, 64))])
def test_flat_and_rich_pictures_are_whole(kind: str, picture: Image.Image) -> None:
    assert images.read(saved(kind, picture)).pixels.shape == (picture.height, picture.width, 3)


def test_a_thumbnail_may_be_missing() -> None:
    picture = Image.fromarray(picture8(96, 96))
    picture.info["thumbnails"] = [32]
    data = saved("HEIF", picture)
    names = [part.name for part in parts(io.BytesIO(data), "HEIF")]
    assert names.count("hvc1") == 2
    assert (images.read(data[:-20]).pixels == images.read(data).pixels).all()


@pytest.mark.parametrize("count", [b"\xff\xff", b"\0\0"])
def test_damaged_boxes_are_left_to_the_decoder(count: bytes) -> None:
    """Whatever it says of them, the check itself ends."""
    for at in range(len(GRID[:START]) - 2):
        with suppress(EOFError):
            check_items(io.BytesIO(GRID[:at] + count + GRID[at + 2 :]))
