"""Small things that are said in several rooms."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """Count something in words: 1 scene, 2 scenes."""
    return f"{count} {what}" + "s" * (count != 1)


def printable(text: str) -> str:
    """Bring text onto one line: a name's line breaks, and its bytes that are no text, become escapes."""
    plain = text.encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)
