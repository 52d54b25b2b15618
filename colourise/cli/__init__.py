"""The command line."""

from colourise.cli.commands import app, main

__all__ = ["app", "main"]
