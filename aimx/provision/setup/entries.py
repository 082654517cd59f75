"""What the operator types, checked: the domain and the list of trusted senders. Computes only."""

import re

from aimx.config import schema
from aimx.config.fields import Place
from aimx.errors import ConfigInvalid

_ENTRY = re.compile(r"[A-Za-z0-9.\-_+*?]+@[A-Za-z0-9.\-_+*?]+")


def domain_refusal(text: str) -> str | None:
    """Why this is no domain for mail; None when it is one."""
    try:
        found = str(schema.TOP["domain"](Place("domain"), text))
    except ConfigInvalid as error:
        return error.reason
    if "." not in found:
        return f"domain: {found} has no dot; write a whole name like agent.example.com"
    return None


def senders(text: str) -> tuple[str, ...]:
    """The entries of a list, each once; they stand between commas or blanks."""
    return tuple(dict.fromkeys(entry for entry in re.split(r"[\s,]+", text) if entry))


def senders_refusal(text: str) -> str | None:
    """What is wrong with the first bad entry; None when all are addresses or globs of them."""
    for entry in senders(text):
        if _ENTRY.fullmatch(entry) is None:
            return f"invalid sender '{entry}': write an address (you@example.com) or a glob (*@company.com)"
    return None
