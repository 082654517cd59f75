"""Addresses as the arguments of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531). Must never let a line end through."""

import re

from aimx import limits
from aimx.model.address import Address

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a0-\U0010ffff]|\\[\x20-\x7e])*"')
_DOMAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def path(address: Address, domain: str) -> str | None:
    """What stands between the angle brackets, at a domain in A-labels; None when it cannot be written."""
    local = _local(address.local_part)
    if local is None or _DOMAIN.fullmatch(domain) is None:
        return None
    if len(local.encode()) > limits.LOCAL_PART_OCTETS or len(domain) > limits.DOMAIN_OCTETS:
        return None
    return f"{local}@{domain}"


def _local(text: str) -> str | None:
    """A local part, quoted when it has to be."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        return None
    if _DOT_ATOM.fullmatch(text) or _QUOTED.fullmatch(text):
        return text
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return quoted if text and _QUOTED.fullmatch(quoted) else None
