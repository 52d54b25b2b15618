"""Jobs whose photo or output is remote: they are done in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from colourise.archives.job import PhotoJob
from colourise.errors import PhotoError
from colourise.files.containment import behind, link_between, on_disk
from colourise.files.storage import fetch, put

if TYPE_CHECKING:
    from colourise.files.storage import Location


@dataclass(frozen=True)
class StagedJob:
    """The files of a job, all of them on this machine."""

    source: Path
    """The photo."""
    target: Path
    """Where its coloured version is to be written."""
    sheet: Path | None
    """Where its before | after picture is to be written; None: there is to be none."""


@contextmanager
def staged(job: PhotoJob, *, overwrite: bool) -> Iterator[StagedJob]:
    """Fetch a remote photo, yield the job as it can be done on this machine, and put its outputs into place.

    Outputs are put into place at the end, unless an exception is raised. Local files are yielded as they are.

    Raises:
        PhotoError: a file cannot be fetched or put, is there already, or would be written through a link.
    """
    refuse_links(job)
    with fetched(job.source) as source, placed(job.target, job.sheet, overwrite=overwrite) as (target, sheet):
        yield StagedJob(source, target, sheet)


@contextmanager
def fetched(source: Location) -> Iterator[Path]:
    """Yield a photo as a file on this machine; a remote one is fetched.

    Raises:
        PhotoError: it cannot be fetched.
    """
    if isinstance(source, Path):
        yield source
        return
    with TemporaryDirectory(prefix="colourise-") as folder:
        file = Path(folder, f"photo{source.suffix}")
        fetch(source, file)
        with known_as({file: source}):
            yield file


@contextmanager
def placed(
    target: Location, sheet: Location | None, *, overwrite: bool
) -> Iterator[tuple[Path, Path | None]]:
    """Yield where outputs can be written on this machine; remote ones are put into place at the end.

    Args:
        target: where the coloured version goes.
        sheet: where its before | after picture goes, in the same folder; None: there is none.
        overwrite: whether they may be there already.
    Raises:
        PhotoError: one cannot be put, or is there already.
    """
    if isinstance(target, Path):
        yield target, on_disk(sheet) if sheet else None
        return
    with TemporaryDirectory(prefix="colourise-") as folder:
        made = Path(folder, f"photo{target.suffix}")
        made_sheet = Path(folder, "sheet.jpg") if sheet else None
        with known_as({made: target} | ({made_sheet: sheet} if made_sheet and sheet else {})):
            yield made, made_sheet
        if made_sheet and sheet:
            put(made_sheet, sheet, overwrite=overwrite)
        put(made, target, overwrite=overwrite)


@contextmanager
def known_as(names: Mapping[Path, Location]) -> Iterator[None]:
    """Let an error about a temporary file be about the place that the user knows it by."""
    try:
        yield
    except PhotoError as err:
        known = {str(file): place for file, place in names.items()}.get(str(err.path))
        if known is None:
            raise
        raise err.about(known) from err.__cause__


def refuse_links(job: PhotoJob) -> None:
    """Make sure that no file of a job is a link or behind one, but where the user named the file itself.

    A plan looks at folders too (plan.py); this looks at everything, and just before it is written.

    Raises:
        PhotoError: a link is there.
    """
    for file in (job.target, job.sheet):
        if file is None or file == job.root:
            continue
        root = file.parent if job.root is None or job.root == job.target else job.root
        link = link_between(root, file)
        if link is not None:
            raise behind(link, job.source)
