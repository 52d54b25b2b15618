"""Where a film's pictures come from: FFmpeg, or Pillow for animations."""

from __future__ import annotations

from pathlib import Path

from colourise.files.names import ANIMATED, EXTENSIONS, FILMS


def is_film(path: Path) -> bool:
    """Whether a file that the user named is a film: by its suffix, or else by its content."""
    suffix = path.suffix.lower()
    if suffix in ANIMATED and path.is_file():
        from colourise.films import animation

        return animation.moves(path)
    if suffix in FILMS or suffix in EXTENSIONS or not path.is_file():
        return suffix in FILMS and not path.is_dir()
    from colourise.films import video  # which takes a while to import

    return video.moves(path)
