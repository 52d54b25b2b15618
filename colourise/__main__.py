"""`python -m colourise`."""

from colourise.cli import main

main()
