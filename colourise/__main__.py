"""`python -m colourise`."""

from colourise.cli.commands import main

main()
