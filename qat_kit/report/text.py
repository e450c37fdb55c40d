"""Text from a file, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text, with what no reader can see, or a terminal would obey, written out.

    >>> printable("a\\x1b[2Jb\\u202e")
    'a\\\\x1b[2Jb\\\\u202e'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _written_out(c) for c in text)


def _written_out(character: str) -> str:
    return character if character == "\n" else character.encode("unicode_escape").decode("ascii")
