"""Films with a flash and a click at the same moments, how far these are apart, and damage to their times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48000
FPS = 25
PICTURES, SOUND = range(0xE0, 0xF0), range(0xC0, 0xE0)  # stream ids in MPEG-TS and MPEG-PS


def clapper(
    path: Path, seconds: int, *, codec: str = "mpeg2video", sound_codec: str = "mp2", first: float = 0
) -> Path:
    """A film of black pictures, with a white one and a click in the middle of each second.

    Args:
        path: the film; its suffix chooses the container.
        seconds: its length.
        codec: of its pictures.
        sound_codec: of its sound.
        first: time at which its clock begins, in seconds.
    """
    with av.open(str(path), "w") as film:
        pictures = film.add_stream(codec, rate=FPS, options={"bf": "2", "g": "12"})
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        sound = film.add_stream(sound_codec, rate=RATE, layout="mono")
        wave = np.zeros(seconds * RATE, np.float32)
        for second in range(seconds):
            begin = second * RATE + FPS // 2 * RATE // FPS
            wave[begin : begin + 240] = 0.9 * np.sin(np.arange(240) * 0.13)
        sound.codec_context.open()
        kind, size, done = sound.codec_context.format.name, sound.codec_context.frame_size, 0
        for number in range(seconds * FPS):
            rgb = np.full((64, 96, 3), 255 * (number % FPS == FPS // 2), np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number + round(first * FPS), Fraction(1, FPS)
            film.mux(pictures.encode(frame))
            while done < min((number + 1) * RATE // FPS, len(wave)):
                part = wave[None, done : done + size]
                part = part if kind.startswith("flt") else (part * 32767).astype(np.int16)
                samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), kind, "mono")
                samples.rate, samples.time_base = RATE, Fraction(1, RATE)
                samples.pts = done + round(first * RATE)
                film.mux(sound.encode(samples))
                done += size
        film.mux(pictures.encode(None))
        film.mux(sound.encode(None))
    return path


def flashes_and_clicks(path: Path) -> tuple[list[float], list[float]]:
    """When a film flashes and when it clicks, in seconds."""
    flashes, clicks = [], []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            if frame.to_ndarray(format="gray").mean() > 128:
                flashes.append(float(frame.pts * frame.time_base))
    with av.open(str(path)) as film:
        for packet in film.demux(audio=0):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                wave = frame.to_ndarray().astype(float)
                wave = np.abs(wave / (32768 if frame.format.name.startswith("s16") else 1)).reshape(-1)
                for place in np.flatnonzero(wave > 0.2):
                    at = float(frame.pts * frame.time_base) + place / frame.rate
                    if not clicks or at - clicks[-1] > 0.3:
                        clicks.append(at)
    return flashes, clicks


def stamps(data: bytes | bytearray, kinds: range) -> list[int]:
    """Where the headers of PES packets with a PTS are in MPEG-TS or MPEG-PS.

    Args:
        data: the file.
        kinds: stream ids, PICTURES or SOUND.
    """
    found, at = [], data.find(b"\0\0\1")
    while at >= 0 and at + 19 < len(data):
        if data[at + 3] in kinds and data[at + 6] & 0xC0 == 0x80 and data[at + 7] & 0x80:
            found.append(at)
        at = data.find(b"\0\0\1", at + 3)
    return found


def shift(path: Path, kinds: range, numbers: list[int], seconds: float) -> Path:
    """Damage the PTS and DTS of some PES packets of MPEG-TS or MPEG-PS."""
    data = bytearray(path.read_bytes())
    found = stamps(data, kinds)
    for number in numbers:
        header = found[number]
        for place in (header + 9, header + 14)[: 2 if data[header + 7] & 0x40 else 1]:
            bits = int.from_bytes(data[place : place + 5])
            time = (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF
            time = (time + round(seconds * 90000)) % (1 << 33)
            bits &= ~(7 << 33 | 0x7FFF << 17 | 0x7FFF << 1)
            bits |= (time >> 30) << 33 | (time >> 15 & 0x7FFF) << 17 | (time & 0x7FFF) << 1
            data[place : place + 5] = bits.to_bytes(5)
    path.write_bytes(data)
    return path


def cut(path: Path, first: float, last: float, *, only: range | None = None) -> Path:
    """Take a part out of an MPEG-TS film, as a recorder does that has lost its signal.

    Args:
        path: the film.
        first: seconds from its beginning at which the loss begins.
        last: seconds from its beginning at which it ends.
        only: stream ids of what alone is lost: pictures or sound.
    """
    data = path.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    starts = [at for at, packet in enumerate(packets) if stamps(packet + bytes(20), PICTURES)]
    begin, end = starts[round(first * FPS)], starts[round(last * FPS)]
    lost = {packet[1:3] for packet in packets if only and stamps(packet + bytes(20), only)}
    numbers = {(high & 31) << 8 | low for high, low in lost}
    gone = (p for p in packets[begin:end] if only and ((p[1] & 31) << 8 | p[2]) not in numbers)
    path.write_bytes(b"".join([*packets[:begin], *gone, *packets[end:]]))
    return path
