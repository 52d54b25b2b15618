"""The film of before | after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from colourise.colouriser import Colouriser
from colourise.files.atomic import part_prefix
from colourise.films import output, source
from colourise.films.ahead import READY, Ahead
from colourise.films.encode import Encoder, Segment, failures
from colourise.films.film import Frame
from colourise.films.job import Job
from colourise.films.naming import sheet_of
from colourise.films.pipeline import in_rgb
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Pixels


def side_by_side(job: Job, colouriser: Colouriser) -> None:
    """Write the film of before | after, in 8 bits, from the source and from what became of it.

    Raises:
        FilmError: it cannot be written.
    """
    film, settings = job.film, job.settings
    coloured = source.frames(source.look(job.target))
    grey = source.frames(film, start=job.start, end=job.end, deinterlace=settings.deinterlace)
    none = np.zeros((2, 1, 1), np.float32)

    def pairs() -> Iterator[tuple[Pixels, Frame]]:
        for before, after in zip(grey, coloured, strict=False):
            halves = [to_8_bits(colouriser.lay(before.pixels, none)), to_8_bits(in_rgb(after.pixels))]
            both = np.hstack([np.rot90(half, film.turns) for half in halves])  # upright
            yield np.ascontiguousarray(np.rot90(both, -film.turns)), before

    width, height = (1, 2) if film.turns % 2 else (2, 1)
    wide = replace(film, width=width * film.width, height=height * film.height, bits=8)
    sheet = sheet_of(job.target)
    with (
        failures(sheet),
        TemporaryDirectory(prefix=part_prefix(sheet), dir=sheet.parent) as place,
    ):
        path = Path(place, "segment.mkv")
        with Encoder(path, wide, settings.encoding) as encoder, Ahead(pairs(), READY) as ready:
            for pixels, frame in ready:
                encoder.write(encoder.prepare(pixels, frame))
        segment = Segment(path, encoder.times.arrays())
        output.write(
            film, [segment], job.plan, sheet, start=job.start, end=job.end, overwrite=settings.overwrite
        )
