"""One-line structured logs on stderr: `level=info event=… key=value …`.

Values of strangers are quoted and escaped, so a header can never start a line or hide a field.
"""

import json
import sys
import unicodedata
from typing import TextIO

from aimx import limits

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/@+,<>[]*|")
_stream: TextIO = sys.stderr
_quiet = False


def value(raw: object) -> str:
    """One field's value: bare when harmless, else a JSON string without control or format characters."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    text = str(raw)
    if len(text) > limits.LOG_FIELD_CHARACTERS:
        text = text[: limits.LOG_FIELD_CHARACTERS] + "…"
    if text and _PLAIN.issuperset(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isascii() and quoted.isprintable():
        return quoted
    return "".join(_visible(character) for character in quoted)


def _visible(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return json.dumps(character)[1:-1]
    return character


def line(level: str, event: str, **fields: object) -> str:
    """The text of one log line, without its line end."""
    parts = [f"level={level}", f"event={event}"]
    parts += [f"{key}={value(raw)}" for key, raw in fields.items() if raw is not None]
    return " ".join(parts)


def emit(text: str) -> None:
    """Write one line; a closed stderr never takes the daemon down."""
    try:
        _stream.write(text + "\n")
        _stream.flush()
    except (OSError, ValueError):
        return


def quiet() -> None:
    """This process is a command of somebody's: what goes as it should is not told."""
    global _quiet
    _quiet = True


def is_quiet() -> bool:
    """Whether it is such a command."""
    return _quiet


def info(event: str, **fields: object) -> None:
    """Log what an operator wants to see of normal work."""
    if not _quiet:
        emit(line("info", event, **fields))


def warning(event: str, **fields: object) -> None:
    """Log what an operator should look at."""
    emit(line("warn", event, **fields))


def error(event: str, **fields: object) -> None:
    """Log what an operator must look at."""
    emit(line("error", event, **fields))
