"""Jobs whose photo or output is remote: they are done in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from colourise.archives.job import PhotoJob
from colourise.errors import PhotoError
from colourise.files.containment import behind, link_between
from colourise.files.storage import fetch, is_remote, put


@contextmanager
def staged(job: PhotoJob, *, overwrite: bool) -> Iterator[PhotoJob]:
    """Fetch a remote photo, yield the job as it can be done on this machine, and put its outputs into place.

    Outputs are put into place at the end, unless an exception is raised. A local job is yielded as it is.

    Raises:
        PhotoError: a file cannot be fetched or put, is there already, or would be written through a link.
    """
    refuse_links(job)
    if not any(is_remote(place) for place in (job.source, job.target)):
        yield job
        return
    with TemporaryDirectory(prefix="colourise-") as folder:
        here = job
        if is_remote(job.source):
            here = replace(here, source=Path(folder, f"photo{job.source.suffix}"))
            fetch(job.source, here.source)
        if is_remote(job.target):
            made = Path(folder, "made")
            sheet = None if job.sheet is None else made / "sheet.jpg"
            here = replace(here, target=made / f"photo{job.target.suffix}", sheet=sheet)
        try:
            yield here
        except PhotoError as err:
            known = {here.source: job.source, here.target: job.target, here.sheet: job.sheet}
            names = {str(file): place for file, place in known.items() if place is not None}
            if str(err.path) not in names:
                raise
            raise err.about(names[str(err.path)]) from err.__cause__  # the file that the user knows
        files = ((here.sheet, job.sheet), (here.target, job.target))
        for file, place in files:
            if file is not None and place is not None and is_remote(place):
                put(file, place, overwrite=overwrite)


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
