"""Encode coloured frames into segments, which are Matroska files with exact times beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from colourise.errors import FilmError
from colourise.films.decode import SCALER
from colourise.films.film import BT601, BT709, RGB, UNSPECIFIED, Film, Frame
from colourise.films.opening import file_url
from colourise.films.options import Encoding
from colourise.lab.pictures import Pixels

ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "ffv1": "ffv1", "prores": "prores_ks"}
FEW = 3  # pictures of a segment, of which x265 leaves times of decoding unset
FAR = 100  # pictures by which a time of decoding is never before its picture is shown
SWS = {  # swscale's names of AVColorSpaces
    BT709: Colorspace.ITU709,
    BT601: Colorspace.ITU601,
    5: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    4: Colorspace.FCC,
    9: Colorspace.BT2020,
}


@dataclass(frozen=True)
class Segment:
    """A completed part of the coloured film."""

    path: Path
    """A Matroska file with one video stream."""
    times: dict[str, NDArray[np.int64]]
    """pts, dts and duration of its packets, in the film's time base."""


@dataclass
class Times:
    """Times of the packets of a segment, in the film's time base."""

    pts: list[int] = field(default_factory=list)
    """Time at which each is shown."""
    dts: list[int] = field(default_factory=list)
    """Time at which each is decoded."""
    duration: list[int] = field(default_factory=list)
    """How long each is shown."""

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return the times as arrays, by name."""
        return {name: np.array(getattr(self, name), np.int64) for name in ("pts", "dts", "duration")}


class Encoder:
    """Writes coloured frames into a segment.

    Matroska rounds times to milliseconds, so exact times are kept in `times`.

    Args:
        path: the segment's file.
        film: the source.
        encoding: codec, quality and speed.
    """

    def __init__(self, path: Path, film: Film, encoding: Encoding) -> None:
        self.film, self.times = film, Times()
        self.written, self.far = 0, FAR / film.rate / film.time_base
        self.format = encoding.pixel_format(film)
        self.alpha = film.alpha and any(part.is_alpha for part in av.VideoFormat(self.format).components)
        self.scaler = av.video.reformatter.VideoReformatter()
        self.copier = av.video.reformatter.VideoReformatter()
        self.container = av.open(file_url(path), "w", format="matroska")
        self.stream = add_pictures(self.container, film, encoding)

    def __enter__(self) -> Self:
        """Return the encoder itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Flush the encoder, unless something failed, and close the file."""
        try:
            if error[0] is None:
                self._mux(self.stream.encode(None))
        finally:
            self.container.close()

    def prepare(self, pixels: Pixels, frame: Frame) -> Any:
        """Convert a coloured frame (H, W, 3) to the codec's pixel format; safe in another thread."""
        rgb = self._frame(pixels, frame.picture)
        rgb.color_range = ColorRange.JPEG
        picture = self.scaler.reformat(
            rgb,
            format=self.format,
            dst_colorspace=SWS.get(output_matrix(self.film, self.format)),
            dst_color_range=ColorRange.JPEG if self.film.full_range else ColorRange.MPEG,
            interpolation=SCALER,
        )
        picture.pts, picture.time_base, picture.duration = frame.pts, self.film.time_base, frame.duration
        return picture

    def _frame(self, pixels: Pixels, decoded: Any) -> Any:
        """Return an RGB frame of these pixels, with the fields, alpha and side data of a decoded picture."""
        letters = "rgba" if self.alpha else "rgb"
        kind = letters if pixels.dtype == np.uint8 else f"{letters}{16 * len(letters)}le"
        kind = "rgb24" if kind == "rgb" else kind
        if decoded is None:
            return av.VideoFrame.from_ndarray(pixels, kind)
        if decoded.format.name == kind:  # of which no copy would be made
            decoded = self.copier.reformat(decoded, format="gbrap16le")
        # PyAV can give a frame neither fields nor side data, but copies them when it converts one
        width, height = self.film.width, self.film.height
        frame = self.copier.reformat(decoded, width, height, kind, interpolation=Interpolation.POINT)
        rows = np.frombuffer(memoryview(frame.planes[0]), pixels.dtype).reshape(height, -1)
        rows[:, : width * len(letters)].reshape(height, width, -1)[..., :3] = pixels
        frame.pict_type, frame.colorspace = 0, UNSPECIFIED  # the source's key frames are not ours
        return frame

    def write(self, picture: Any) -> None:
        """Encode a frame that `prepare` returned."""
        self.written += 1
        self._mux(self.stream.encode(picture))

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            if packet.dts is None or (self.written <= FEW and abs(packet.pts - packet.dts) > self.far):
                packet.dts = packet.pts
            self.times.pts.append(packet.pts)
            self.times.dts.append(packet.dts)
            self.times.duration.append(packet.duration or 0)
            self.container.mux(packet)


def output_matrix(film: Film, pixel_format: str) -> int:
    """Return the AVColorSpace of the output: the source's, or BT.709 if the source stores RGB."""
    if pixel_format.startswith("gbr"):
        return RGB
    return film.matrix if film.matrix in SWS else BT709


def add_pictures(container: Any, film: Film, encoding: Encoding) -> Any:
    """Add a video stream for coloured frames to a container, tagged as the source is."""
    stream = add_encoder(container, encoding, film.rate, encoding.encoder_options(film))
    context = stream.codec_context
    context.width, context.height = film.width, film.height
    context.pix_fmt = encoding.pixel_format(film)
    context.time_base = film.time_base
    context.colorspace = output_matrix(film, context.pix_fmt)
    context.color_range = ColorRange.JPEG if film.full_range else ColorRange.MPEG
    context.color_primaries, context.color_trc = film.primaries, film.transfer
    context.flags |= Flags.frame_duration | Flags.global_header
    context.thread_count = 0
    if film.interlaced:
        context.field_order = film.field_order
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    if film.aspect:
        context.sample_aspect_ratio = film.aspect
    return stream


def add_encoder(container: Any, encoding: Encoding, rate: Fraction | int, options: dict[str, str]) -> Any:
    """Add a video stream that is encoded, without the messages of its encoder."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only; read once, by the first encoder
    return container.add_stream(ENCODERS[encoding.codec], rate=rate, options=options)


@contextmanager
def film_errors(target: Path, advice: str = "") -> Iterator[None]:
    """Turn errors of the disk and of FFmpeg into a FilmError about the target.

    Args:
        target: the film that is written.
        advice: what the user should do next.
    Raises:
        FilmError: something in the block failed.
    """
    try:
        yield
    except (OSError, av.FFmpegError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise FilmError(reason, path=target, advice=advice) from err
