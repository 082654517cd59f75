"""Text of others for the screen: each character is shown, none is obeyed; no markup is read, no control passed on."""

from rich.text import Text

from aimx import limits

_TAB = "    "


def shown(text: str) -> str:
    """The text as it may stand on a terminal: line feeds stay, what would not be seen is written by its number."""
    cut = whole(text[: limits.TUI_TEXT_CHARACTERS])
    return cut + "…" if len(text) > limits.TUI_TEXT_CHARACTERS else cut


def whole(text: str) -> str:
    """The same, however long it is: for whoever bounds it otherwise."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _TAB if c == "\t" else _number(c) for c in text)


def line(text: str) -> str:
    """The same as one line."""
    return " ".join(shown(text).split("\n"))


def text(value: str, style: str = "") -> Text:
    """For a widget: no markup, no links, no emoji codes."""
    return Text(shown(value), style=style)


def _number(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
