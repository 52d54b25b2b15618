"""Open films with FFmpeg: each is one file on a disk, and nothing else is opened because of it.

FFmpeg takes what comes before ":" in a name for a protocol, and a playlist makes it open other files. So it
gets names as "file:NAME", no other protocol is allowed, and formats that name other files are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av

from colourise.errors import FilmError
from colourise.films.film import damaged

ELSEWHERE = frozenset(
    {
        *("concat", "dash", "hls", "image2", "imf", "vobsub", "webm_dash_manifest"),
        *("rtp", "rtsp", "sap", "sdp"),
    }
)
"""FFmpeg's names of formats whose pictures and sound are in other files, or come over a network."""

PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"<MPD", b"v=0\r\n", b"v=0\n")
"""What a file begins with that only names other files: HLS, FFmpeg's concat, DASH, SDP."""

FARTHER = {"probesize": "200000000", "analyzeduration": "3600000000"}
"""How far FFmpeg looks for the properties of streams that begin late: bytes, and microseconds."""


def open_film(path: Path) -> Any:
    """Open a film with FFmpeg.

    Raises:
        FilmError: it cannot be opened, or only names other files.
    """
    try:
        container = open_file(path)
        if any(map(is_unknown, container.streams)):  # it begins later than FFmpeg looks by itself
            container.close()
            container = open_file(path, **FARTHER)
        return container
    except (av.FileNotFoundError, av.IsADirectoryError, av.PermissionError) as err:
        raise FilmError(str(err.strerror), path=path) from err
    except (av.FFmpegError, ValueError, OSError) as err:
        if is_playlist(path):
            raise FilmError(
                "only names other files, which are not opened", path=path, advice="name a film"
            ) from err
        raise damaged(path) from err


def open_file(path: Path, **options: str) -> Any:
    """Open a file with FFmpeg, which opens no other because of it."""
    options |= {"protocol_whitelist": "file", "format_whitelist": ",".join(av.formats_available - ELSEWHERE)}
    return av.open(file_url(path), metadata_errors="replace", options=options)


def is_unknown(stream: Any) -> bool:
    """Tell whether FFmpeg has met no packet of a stream that it could have decoded."""
    context = getattr(stream, "codec_context", None)
    if context is None:
        return False
    return bool(
        (stream.type == "audio" and not context.sample_rate) or (stream.type == "video" and not context.width)
    )


def demux(container: Any, streams: Sequence[Any] | None = None) -> Iterator[Any]:
    """Yield the packets of some or all streams of a film, and at its end an empty one for each stream.

    Raises:
        av.FFmpegError: the file breaks off.
    """
    try:
        yield from container.demux() if streams is None else container.demux(streams)
    except IndexError:  # PyAV 18 stumbles at the end over streams that have appeared only after the header
        return


def file_url(path: Path) -> str:
    """Return a path as FFmpeg takes it for a file, whatever colons and commas are in it."""
    return f"file:{os.fspath(path)}"


def is_playlist(path: Path) -> bool:
    """Tell whether a file only names other files, by how it begins."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return False
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(PLAYLISTS) or (text.startswith(b"<?xml") and b"<MPD" in text)
