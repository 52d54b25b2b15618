"""`colourise PHOTO|FOLDER|FILM...`: the command that the tool is for."""

from __future__ import annotations

from pathlib import Path

import typer

from colourise.cli import options
from colourise.cli.errors import refusals
from colourise.cli.films import check_films, colour_films, seconds
from colourise.cli.photos import (
    check_streams,
    check_variants,
    colour_paths,
    colour_stream,
    colour_variants,
    part_of,
)
from colourise.models.catalogue import DEFAULT_MODEL, FAST_MODEL

EXAMPLES = (
    "Examples:\n"
    "  colourise photo.jpg                       [dim]writes photo.colourised.jpg beside it[/]\n"
    "  colourise photo.jpg --variants            [dim]calm, plain and vivid, to choose from[/]\n"
    "  colourise archive/ -o coloured/           [dim]a whole tree; run it again to continue[/]\n"
    "  colourise scan.tif -o new.png --compare   [dim]also new.compare.jpg, before | after[/]\n"
    "  cat old.jpg | colourise - > new.jpg       [dim]through a pipe[/]\n"
    "  colourise film.mp4 --preview 10s          [dim]a look before the whole film[/]"
)


def colourise(
    ctx: typer.Context,
    paths: options.Paths,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    model: options.Model = None,
    format: options.Format = None,  # noqa: A002
    quality: options.Quality = None,
    saturation: options.Saturation = 1.0,
    input_size: options.InputSize = None,
    compare: options.Compare = False,
    variants: options.Variants = False,
    history: options.History = True,
    colour_photos: options.ColourPhotos = None,
    include: options.Include = None,
    exclude: options.Exclude = None,
    since: options.Since = None,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    follow_symlinks: options.FollowSymlinks = False,
    shard: options.Shard = None,
    report: options.Report = None,
    csv: options.Csv = None,
    json_lines: options.JsonLines = False,
    films: options.FilmsToo = False,
    watch: options.Watch = False,
    codec: options.Codec = options.CodecChoice.h264,
    crf: options.Crf = None,
    preset: options.Preset = None,
    steadiness: options.Steadiness = 0.9,
    start: options.Start = None,
    end: options.End = None,
    preview: options.Preview = None,
    deinterlace: options.Deinterlace = False,
    workers: options.Workers = None,
    engine: options.Engine = options.EngineChoice.local,
    backend: options.Backend = options.BackendChoice.auto,
    device: options.Device = "auto",
    precision: options.Precision = options.PrecisionChoice.auto,
    quiet: options.Quiet = False,
) -> None:
    """Colour photos, folders and films; the command's name may be left out.

    Without -o, photo.jpg becomes photo.colourised.jpg beside it. Folders are
    searched with all their subfolders. - stands for standard input.

    Photos keep their lightness, bit depth, size, transparency and metadata.
    Formats: JPEG, PNG, TIFF, WebP, BMP, AVIF and HEIC.

    Films keep their timing, sound, subtitles and chapters; film.mp4 becomes
    film.colourised.mp4. A film or folder that was interrupted continues when
    the same command is given again.
    """
    check_streams(paths, output, compare=compare or variants)
    with refusals():
        from functools import partial

        from colourise.archives import PhotoOptions, Selection
        from colourise.colouriser import load_model
        from colourise.films.source import is_film

        photo_options = PhotoOptions(
            format=format,
            quality=quality,
            overwrite=overwrite,
            compare=compare,
            history=history,
            colour_photos=None if colour_photos is None else colour_photos.value,
        )
        load = partial(
            load_model,
            backend=backend.value,
            device=device,
            precision=precision.value,
            input_size=input_size,
            saturation=saturation,
        )
        load, load_for_films = partial(load, model or DEFAULT_MODEL), partial(load, model or FAST_MODEL)
        given = options_given(ctx)
        some = [Path(path) for path in paths if path != "-" and is_film(Path(path))]
        check_films(some, paths, output, given)
        film_options = None
        if some or films:
            from colourise.films import Encoding, FilmOptions

            film_options = FilmOptions(
                encoding=Encoding(codec=codec.value, crf=crf, preset=preset),
                saturation=saturation,
                steadiness=steadiness,
                start=seconds(start, "--start"),
                end=seconds(end, "--end"),
                preview=seconds(preview, "--preview"),
                deinterlace=deinterlace,
                overwrite=overwrite,
                history=history,
                compare=compare,
            )
        if some and film_options:
            colour_films(some, output, load_for_films, film_options, quiet=quiet)
            return
        if variants:
            check_variants(given)
            colour_variants(paths, output, load, photo_options, quiet=quiet)
            return
        if paths == ["-"] or output == "-":
            colour_stream(paths[0], output, load, photo_options, quiet=quiet)
            return
        selection = Selection(
            include=tuple(include or ()),
            exclude=tuple(exclude or ()),
            since=since.timestamp() if since else None,
            follow=follow_symlinks,
            shard=part_of(shard),
        )
        colour_paths(
            paths,
            output,
            load,
            photo_options,
            selection,
            film_options,
            load_for_films,
            quiet=quiet,
            json_lines=json_lines,
            limit=limit,
            retry_failed=retry_failed,
            dry_run=dry_run,
            watch=watch,
            report=report,
            csv=csv,
            workers=workers,
            engine=engine.value,
        )


def options_given(ctx: typer.Context) -> set[str]:
    """Return the names of the parameters that the user gave, rather than left at their defaults."""
    sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
