"""Write a side-by-side film of before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from colourise.colouriser import Colouriser
from colourise.files.atomic import part_prefix
from colourise.films import source
from colourise.films.ahead import READY, Ahead
from colourise.films.encode import Encoder, Segment, film_errors
from colourise.films.film import Damage, Frame
from colourise.films.job import FilmJob
from colourise.films.naming import comparison_path
from colourise.films.output import write_output
from colourise.films.pipeline import three_channels
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Pixels


def write_comparison(job: FilmJob, colouriser: Colouriser) -> None:
    """Write a film that shows the source on the left and the coloured film on the right, in 8 bits.

    Raises:
        FilmError: it cannot be written.
    """
    film, options = job.film, job.options
    coloured = source.frames(source.probe(job.target))
    grey = source.frames(film, start=job.start, end=job.end, deinterlace=options.deinterlace)
    none = np.zeros((2, 1, 1), np.float32)

    def pairs() -> Iterator[tuple[Pixels, Frame]]:
        for before, after in zip(grey, coloured, strict=False):
            halves = [to_8_bits(colouriser.lay(before.pixels, none)), to_8_bits(three_channels(after.pixels))]
            both = np.hstack([np.rot90(half, film.turns) for half in halves])  # upright
            yield np.ascontiguousarray(np.rot90(both, -film.turns)), before

    width, height = (1, 2) if film.turns % 2 else (2, 1)
    wide = replace(film, width=width * film.width, height=height * film.height, bits=8, alpha=False)
    sheet = comparison_path(job.target)
    with (
        film_errors(sheet),
        TemporaryDirectory(prefix=part_prefix(sheet.name), dir=sheet.parent) as place,
    ):
        path = Path(place, "segment.mkv")
        with Encoder(path, wide, options.encoding) as encoder, Ahead(pairs(), READY) as ready:
            for pixels, frame in ready:
                encoder.write(encoder.prepare(pixels, frame))
        segment = Segment(path, encoder.times.arrays())
        write_output(
            film,
            [segment],
            job.plan,
            sheet,
            Damage(),
            start=job.start,
            end=job.end,
            overwrite=options.overwrite,
        )
