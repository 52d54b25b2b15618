"""Errors that were meant for the user, as one line and an exit code."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from colourise.cli.console import say
from colourise.errors import ColouriseError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def refusals() -> Iterator[None]:
    """Turn an error that was meant for the user into one line and exit code 1."""
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads what we say
    except OptionError as error:  # with the usage, and exit code 2
        raise typer.BadParameter(str(error)) from error
    except (ColouriseError, OSError) as error:
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        what = error.strerror if isinstance(error, OSError) else None
        say(("error", "red"), f"{where}{what or error}")
        raise typer.Exit(1) from error
