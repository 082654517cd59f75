"""Where a value stands in config.toml, and the checks of single values: each returns the typed value or refuses.

Knows no key by name; never reads a file.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, NamedTuple

from aimx import limits
from aimx.errors import ConfigInvalid

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
    datetime: "a date-time",
    date: "a date",
    time: "a time",
}


class Place(NamedTuple):
    """A position: the file and the path of keys that leads to the value."""

    source: str
    path: str = ""

    def key(self, name: str) -> "Place":
        """The place of a key of this table."""
        shown = name if _BARE_KEY.match(name) and len(name) <= limits.CONFIG_SHOWN_CHARACTERS else quoted(name)
        return Place(self.source, f"{self.path}.{shown}" if self.path else shown)

    def item(self, index: int) -> "Place":
        """The place of an element of this array."""
        return Place(self.source, f"{self.path}[{index}]")

    def refuse(self, what: str) -> ConfigInvalid:
        """The error to raise: file, key path, what and what to do. A value that is in no file has no place to name."""
        if not self.source:
            return ConfigInvalid(what)
        return ConfigInvalid(f"{self.source}: {self.path}: {what}" if self.path else f"{self.source}: {what}")

    def warn(self, what: str) -> str:
        """The text of a warning; the reader knows which file it comes from."""
        return f"{self.path}: {what}" if self.path else what


Check = Callable[[Place, Any], Any]


def quoted(text: str) -> str:
    """Text on one line in double quotes, bounded, without raw control or format characters."""
    return f'"{_escaped(text, chr(34))}"'


def single(text: str) -> str:
    """The same in single quotes."""
    return f"'{_escaped(text, chr(39))}'"


def one_line(text: str) -> str:
    """The same without quotes."""
    return _escaped(text, "")


def _escaped(text: str, quote: str) -> str:
    if len(text) > limits.CONFIG_SHOWN_CHARACTERS:
        text = text[: limits.CONFIG_SHOWN_CHARACTERS] + "…"
    if quote:
        text = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def kind(value: object) -> str:
    """What TOML calls the type of a value."""
    return _TYPES.get(type(value), "a value")


def text(place: Place, value: object) -> str:
    """A string without NUL."""
    if not isinstance(value, str):
        raise place.refuse(f"must be a string in quotes, not {kind(value)}")
    if "\0" in value:
        raise place.refuse("contains a NUL character; remove it")
    return value


def boolean(place: Place, value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise place.refuse(f"must be true or false without quotes, not {kind(value)}")
    return value


def whole(place: Place, value: object) -> int:
    """An integer; a boolean is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise place.refuse(f"must be an integer without quotes, not {kind(value)}")
    return value


def integer(low: int, high: int) -> Check:
    """An integer of a range."""

    def check(place: Place, value: object) -> int:
        number = whole(place, value)
        if not low <= number <= high:
            raise place.refuse(f"{brief(number)} is out of range; use {low} to {high}")
        return number

    return check


def texts(place: Place, value: object) -> tuple[str, ...]:
    """An array of strings."""
    if not isinstance(value, list):
        raise place.refuse(f'must be an array of strings, not {kind(value)}; write ["…"]')
    return tuple(text(place.item(index), element) for index, element in enumerate(value))


def table(place: Place, value: object) -> dict[str, Any]:
    """A table."""
    if not isinstance(value, dict):
        hint = "" if place.path.endswith("]") else f"; write [{place.path}]"
        raise place.refuse(f"must be a table, not {kind(value)}{hint}")
    return value


def tables(place: Place, value: object) -> list[dict[str, Any]]:
    """An array of tables."""
    if not isinstance(value, list):
        raise place.refuse(f"must be an array of tables, not {kind(value)}; write [[{place.path}]]")
    return [table(place.item(index), element) for index, element in enumerate(value)]


def matching(pattern: str, hint: str) -> Check:
    """A string that matches a regular expression as a whole."""
    compiled = re.compile(rf"(?:{pattern})\Z")

    def check(place: Place, value: object) -> str:
        found = text(place, value)
        if not compiled.match(found):
            raise place.refuse(f"{quoted(found)} {hint}")
        return found

    return check


def brief(number: int) -> str:
    """A number for a message: one of thousands of digits is not repeated."""
    return str(number) if abs(number) < 10**18 else "the number"
