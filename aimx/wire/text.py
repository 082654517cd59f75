"""Small texts of AIMX/1: numbers, values that fit one line, values quoted in a refusal. Pure."""

import re

_NUMBER = re.compile(r"\+?0*([0-9]{1,20})\Z")
_NUMBER_MAX = 2**64 - 1  # usize of the reference

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def quoted(text: str) -> str:
    """As the reference prints a string for debugging: quotes and backslashes escaped, nothing unprintable."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text) + '"'


def number(text: str) -> int | None:
    """The value of a length header; None: it is none."""
    found = _NUMBER.match(text)
    value = int(found[1]) if found else _NUMBER_MAX + 1
    return value if value <= _NUMBER_MAX else None


def one_line(text: str) -> str:
    """Without what would end a line, or a string in C."""
    return text.replace("\r", "").replace("\n", "").replace("\0", "")
