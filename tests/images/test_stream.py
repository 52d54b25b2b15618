"""A photo from a pipe: read as far as such a photo may go, and no further."""

import contextlib
import io
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import start
from helpers.pictures import encoded, picture8
from PIL import Image

from colourise import images
from colourise.errors import PhotoError
from colourise.images import stream

NOISE = np.random.default_rng(0).integers(1, 255, 2**16, dtype=np.uint8).tobytes()


class Pipe(io.RawIOBase):
    """Bytes that come in small pieces, cannot be sought in, and may have no end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest, self.taken = pieces, b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.rest = self.rest or next(self.pieces, b"")
        piece, self.rest = self.rest[: min(len(buffer), 7000)], self.rest[min(len(buffer), 7000) :]
        buffer[: len(piece)] = piece
        self.taken += len(piece)
        return len(piece)


def endless(start: bytes, piece: bytes = NOISE) -> Iterator[bytes]:
    yield start
    while True:
        yield piece


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp", ".avif", ".heic"])
@pytest.mark.parametrize("memory", [2**26, 2000])
def test_a_photo(suffix: str, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_IN_MEMORY", memory)
    monkeypatch.setattr(stream, "_PIECE", 500)
    data = encoded(suffix)
    pipe = Pipe(iter([data]))
    assert (images.read(io.BufferedReader(pipe)).pixels == images.read(data).pixels).all()
    assert pipe.taken == len(data)


@pytest.mark.parametrize("first", [b"\0" * 9, b"no image", b"GIF7", b"\xff\xd8 "])
def test_the_first_bytes_decide(first: bytes) -> None:
    pipe = Pipe(endless(first, bytes(1000)))
    with pytest.raises(PhotoError, match="not an image"):
        images.read(io.BufferedReader(pipe))
    assert pipe.taken < 10_000


def test_nothing() -> None:
    with pytest.raises(PhotoError, match="empty"):
        images.read(io.BufferedReader(Pipe(iter([]))))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_no_more_is_read_than_its_pixels_take(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_BESIDE", 2**22)
    pipe = Pipe(endless(encoded(suffix)))
    with pytest.raises(PhotoError, match="more than a picture of 50 x 40 pixels has"):
        images.read(io.BufferedReader(pipe))
    assert pipe.taken < 2**23


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".heic"])
def test_any_photo_has_an_end(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_BESIDE", 2**22)
    monkeypatch.setattr(stream, "_MOST", dict.fromkeys(("AVIF", "HEIF", "WEBP"), 2**22))
    monkeypatch.setattr("colourise.images.limits.MAX_PIXELS", 10_000)
    pipe = Pipe(endless(encoded(suffix)))
    with pytest.raises(PhotoError, match="more than any"):
        images.read(io.BufferedReader(pipe))
    assert pipe.taken < 2**23


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"\xff\xd8", b"\xff\xe5\xff\xfe" + bytes(65532)),
        (b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b"!\xfe", b"\xff" * 256),
    ],
)
def test_no_picture_comes(start: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_IN_MEMORY", 2**22)
    pipe = Pipe(endless(start, piece))
    with pytest.raises(PhotoError, match="has no picture"):
        images.read(io.BufferedReader(pipe))
    assert pipe.taken < 2**23


def test_too_many_pixels_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(".png")
    monkeypatch.setattr("colourise.images.limits.MAX_PIXELS", 1999)
    pipe = Pipe(endless(data))
    with pytest.raises(PhotoError, match="limit of"):
        images.read(io.BufferedReader(pipe))
    assert pipe.taken < 2**22


def test_a_stream_of_which_something_was_read_already() -> None:
    data = encoded(".png")
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    assert (images.read(file).pixels == images.read(data).pixels).all()
    whole = io.BytesIO(data)
    images.read(whole)
    assert not whole.closed


def feed(place: Path, start: bytes, piece: bytes) -> threading.Thread:
    def write() -> None:
        try:
            with place.open("wb") as file:
                for part in endless(start, piece):
                    file.write(part)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe(tmp_path: Path, tiny_model: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    target, model = ("-o", tmp_path / "b.png"), ("--model", tiny_model)

    data = io.BytesIO()
    Image.fromarray(picture8()).save(data, "PNG")
    with start(tmp_path / "a.png", *target, *model, stdin=subprocess.DEVNULL) as process:
        (tmp_path / "a.png").write_bytes(data.getvalue())
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert images.read(tmp_path / "b.png").pixels.shape == (48, 64, 3)

    with start(tmp_path / "a.png", *target, *model, "--overwrite", stdin=subprocess.DEVNULL) as process:
        thread = feed(tmp_path / "a.png", b"", bytes(2**16))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"not an image" in err
    thread.join(10)
    assert not thread.is_alive()


def test_standard_input_without_end(tmp_path: Path, tiny_model: Path) -> None:
    with start("-", "-o", tmp_path / "b.png", "--model", tiny_model) as process:
        assert process.stdin is not None
        sent = 0
        try:
            for part in endless(b"\x89PNG\r\n\x1a\n" + encoded(".png")[8:200]):
                sent += process.stdin.write(part)
        except BrokenPipeError:
            pass
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdin = None
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sent < 2**29
    assert err.decode().count("\n") == 1
    assert list(tmp_path.iterdir()) == []
