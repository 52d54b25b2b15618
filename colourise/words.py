"""Small things that are said in several rooms."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """Count something in words: 1 scene, 2 scenes."""
    return f"{count} {what}" + "s" * (count != 1)


def printable(text: str) -> str:
    """Bring text onto one line: a name's line breaks, and its bytes that are no text, become escapes."""
    plain = text.encode(errors="backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def duration(seconds: float) -> str:
    """Return a time for people to read: 8.4 s, 2 min 5 s, 3 h 12 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
