"""The networks, one a file; `registry` builds them by name."""
