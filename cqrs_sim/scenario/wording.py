"""How keys, values and suggestions are worded in one line of a message.

A scenario may come from anybody, so nothing of it reaches a terminal raw: control characters,
surrogates and other unprintable ones are escaped, and what is long is cut. No function here
recurses into a value, because a file may nest values as deep as it likes.
"""

import difflib
import re
from collections.abc import Iterable

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quoted(text: str) -> str:
    """The text as a TOML basic string; only printable characters remain in it."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shown(value: object, limit: int = 60) -> str:
    """A value as a message repeats it: like TOML writes it, on one line, and never long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Hexadecimal integers of any length pass the parser, but `str` refuses over 4,300 digits.
        return str(value) if value.bit_length() <= 128 else f"<{value.bit_length()}-bit integer>"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        return quoted(value if len(value) <= limit else value[: limit - 3] + "...")
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if isinstance(value, list | tuple):
        return "[...]" if value else "[]"
    return f"<{type(value).__name__}>"


def key_shown(key: object) -> str:
    """A key as it stands in a path: bare where TOML allows it, else quoted."""
    return key if isinstance(key, str) and _BARE_KEY.fullmatch(key) else shown(key)


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, or None if none is near."""
    # Comparing is quadratic in the length, and the longest key has 15 letters.
    lowered = str(word)[:60].lower() if isinstance(word, str) else ""
    matches = difflib.get_close_matches(lowered, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def joined(parent: str, key: object) -> str:
    """The path of a key in a table; the table of the whole file has the empty path."""
    return f"{parent}.{key_shown(key)}" if parent else key_shown(key)
