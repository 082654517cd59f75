"""Where a link of a stranger leads, and what may be done with it. Pure."""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.mail.document import Link

_HOST = re.compile(r"(?:https?://)?(?:[^\s/@:]+@)?((?:[\w-]+\.)+[A-Za-z]{2,})", re.IGNORECASE)
_WEB = ("http", "https")
# Browsers read some of these as a slash or as another character, and would go elsewhere than what is told here.
_DOUBTFUL = re.compile(r'[\\%"<>^`{|}]|(?<!^)(?<!@)\[|\](?!:\d*\Z|\Z)')


class Target(NamedTuple):
    """`opens`: "web", "mail" or "". `warnings` are sentences; `address` is what mail would go to."""

    opens: str
    warnings: tuple[str, ...]
    address: str = ""


def judge(link: Link) -> Target:
    """What it is, whatever it says it is."""
    try:
        parts = urlsplit(link.target)
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        named = parts.username is not None
        _ = parts.port
    except ValueError:
        return Target("", ("It is no address that could be opened.",))
    if scheme == "mailto":
        return Target("mail", (), safe.line(unquote(parts.path)))
    if _DOUBTFUL.search(parts.netloc):
        return Target("", ("It is no address that could be opened.",))
    if scheme not in _WEB or not host or not link.target.isprintable() or " " in link.target:
        return Target("", ("Only http, https and mailto are opened from here.",))
    warnings = []
    said = _HOST.search(link.label[: limits.TUI_LABEL_CHARACTERS])
    if said and not _same(said[1].lower(), host):
        warnings.append(f"! The text names {said[1]}, but it leads to {host}.")
    elif not said and len(link.label) > limits.TUI_LABEL_CHARACTERS:
        warnings.append(f"! The text is too long to see which place it names; it leads to {host}.")
    if not host.isascii() or "xn--" in host:
        warnings.append("! The name of the place has letters that may look like others.")
    if named:
        warnings.append(f"! What stands before @ is no place; it leads to {host}.")
    if scheme == "http":
        warnings.append("It is not encrypted (http).")
    return Target("web", tuple(warnings))


def _same(said: str, host: str) -> bool:
    return said.removeprefix("www.") == host.removeprefix("www.") or host.endswith(f".{said}")
