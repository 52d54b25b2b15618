"""Makes small films for tests: photos that are panned over, with sound, in every shape that a test needs."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from helpers.photos import PHOTOS, pixels

Frames = list[np.ndarray]  # (H, W, 3) uint8


def pan(
    photo: str, count: int, size: tuple[int, int] = (96, 64), step: tuple[float, float] = (1, 0.5)
) -> Frames:
    """So many pictures (width, height) of a camera that moves over a photo, `step` pixels a frame."""
    width, height = size
    rgb = pixels(PHOTOS / photo)
    rgb = rgb if rgb.ndim == 3 else np.stack([rgb] * 3, -1)
    scale = max((width + count * step[0] + 2) / rgb.shape[1], (height + count * step[1] + 2) / rgb.shape[0])
    rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    moves = [np.float32([[1, 0, -place * step[0]], [0, 1, -place * step[1]]]) for place in range(count)]
    return [cv2.warpAffine(rgb, move, size, borderMode=cv2.BORDER_REFLECT) for move in moves]


def grey(frames: Frames) -> Frames:
    """The same pictures without colour, in three equal channels."""
    return [np.repeat(frame.mean(2, keepdims=True).astype(frame.dtype), 3, 2) for frame in frames]


def write(
    path: Path,
    frames: Frames,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
    time_base: Fraction = Fraction(1, 24),
    sound: float | None = None,
    sound_codec: str = "aac",
    rotation: int = 0,
    rate: int = 44100,
    **tags: Any,
) -> Path:
    """A film of these pictures.

    Args:
        path: the file; its suffix chooses the container.
        frames: (H, W, 3) uint8 each, or uint16.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of how pixels are stored.
        options: of the encoder.
        times: of each picture, in `time_base`; by default one after the other.
        time_base: seconds of their unit.
        sound: seconds of a tone, if there is to be one.
        sound_codec: how that is encoded.
        rotation: degrees, counter-clockwise, by which a player turns it.
        rate: samples a second of the tone.
        tags: of the stream's codec: colorspace, color_range, sample_aspect_ratio.
    """
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=24, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        tone = film.add_stream(sound_codec, rate=rate, bit_rate=96000) if sound else None
        for place, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24" if rgb.dtype == np.uint8 else "rgb48le")
            frame = frame.reformat(
                format=pixel_format,
                src_color_range="JPEG",
                dst_color_range=tags.get("color_range", "MPEG"),
                dst_colorspace={1: "ITU709"}.get(tags.get("colorspace", 5), "ITU601"),
            )
            frame.pts, frame.time_base = (times[place] if times else place), time_base
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        if tone is not None:
            wave = np.sin(np.arange(round(rate * sound)) * 0.06) * 0.3  # type: ignore[operator]
            kind = tone.codec_context.format.name
            wave = wave.astype(np.float32) if kind.startswith("flt") else (wave * 32767).astype(np.int16)
            size = tone.codec_context.frame_size or 1024
            for start in range(0, len(wave), size):
                part = np.stack([wave[start : start + size]] * 2)
                part = part if kind.endswith("p") else part.T.reshape(1, -1)
                samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), kind, "stereo")
                samples.rate, samples.pts, samples.time_base = rate, start, Fraction(1, rate)
                film.mux(tone.encode(samples))
            film.mux(tone.encode(None))
    return path


def read(path: Path) -> tuple[list[Fraction], list[np.ndarray]]:
    """When each picture of a film is shown, in seconds, and what it shows, (H, W, 3) uint8."""
    times, pictures = [], []
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        for frame in film.decode(stream):
            times.append(frame.pts * stream.time_base)
            pictures.append(frame.to_ndarray(format="rgb24"))
    return times, pictures


def sound_of(path: Path) -> list[tuple[Fraction, bytes]]:
    """When each packet of a film's sound is played, in seconds, and its bytes."""
    with av.open(str(path)) as film:
        packets = film.demux(audio=0) if film.streams.audio else iter(())
        return [((packet.pts or 0) * packet.time_base, bytes(packet)) for packet in packets if packet.size]
