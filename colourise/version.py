"""The version, in one place: the package, its metadata (pyproject.toml) and what outputs say of it."""

__version__ = "0.1.0"
