"""What an output folder of an archive has in it."""

import os
from pathlib import Path

from typer.testing import Result

from colourise.archives.job import Outcome, PhotoJob, PhotoOptions
from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.archives.pending import find_pending
from colourise.archives.plan import plan_jobs
from colourise.archives.run import run_jobs
from colourise.colouriser import Colouriser


def rows(out: Path) -> dict[str, LedgerEntry]:
    """What the ledger of an output folder says, by place."""
    return {os.fsdecode(key): row for key, row in Ledger.peek(out).items()}


def made(out: Path) -> dict[str, bytes]:
    """Every file below a folder that is not the ledger's."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not (path.name.startswith(".colourise") and ".part" not in path.name)
    }


def placed(out: Path) -> set[str]:
    """What a run at work has put in its place; the parts, which come and go meanwhile, are not opened."""
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    return {name for name in names if not Path(name).name.startswith(".colourise")}


def summary(result: Result) -> str:
    return result.stderr.splitlines()[-1]


def make(*names: str) -> None:
    """Empty files, for `plan`, which only looks at names."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def targets(
    *paths: str, output: str | None = None, settings: PhotoOptions | None = None
) -> dict[str, tuple[str, ...]]:
    """Source to target (and sheet) of each job that is planned."""
    jobs = plan_jobs(map(Path, paths), Path(output) if output else None, settings or PhotoOptions()).jobs
    return {
        str(job.source): tuple(file.as_posix() for file in (job.target, job.sheet) if file) for job in jobs
    }


def colour_all(jobs: list[PhotoJob], colouriser: Colouriser, settings: PhotoOptions) -> list[Outcome]:
    """What the command line does with jobs, in their order."""
    todo, done = find_pending(jobs, {}, "", overwrite=settings.overwrite)
    outcomes = {outcome.job: outcome for outcome in [*done, *run_jobs(todo, colouriser, settings)]}
    return [outcomes[job] for job in jobs if job in outcomes]
