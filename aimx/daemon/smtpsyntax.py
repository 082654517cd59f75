"""Arguments of HELO, EHLO, MAIL and RCPT as values (RFC 5321 section 4.1.2, RFC 6531). Knows no mailbox."""

import re
from typing import NamedTuple

from aimx import limits, replies
from aimx.daemon.smtpstream import Rejected
from aimx.replies import SmtpReply

_QUOTED = r'"(?:[^"\\]|\\.)*"'
# A source route is recognized and ignored (RFC 5321 appendix C). A path without brackets is what hand-made
# clients send; it cannot hold spaces or quotes, so there is no second way to read it.
_PATH = re.compile(
    rf' *(?:<(?:@[^:<>" ]*:)?(?P<path>(?:{_QUOTED}|[^<>" ])*)>|(?P<bare>[^<>" ]+))(?: +(?P<parameters>.*))?\Z'
)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?\Z")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u00a0-\U0010ffff]+"
_MAILBOX = re.compile(
    rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\]|\\[\x20-\x7e])*")'
    r"@(?:[A-Za-z0-9_\-\u00a0-\U0010ffff]+(?:\.[A-Za-z0-9_\-\u00a0-\U0010ffff]+)*|\[[A-Za-z0-9:.\-]+\])\Z"
)
_C1 = re.compile("[\x80-\x9f]")


class Path(NamedTuple):
    """What stands between the angle brackets, and the ESMTP parameters by upper-case keyword."""

    address: str
    parameters: dict[str, str | None]


def path(keyword: str, arg: str | None, syntax: SmtpReply) -> Path:
    """The argument of MAIL (`FROM:`) or RCPT (`TO:`). Raises: Rejected."""
    if arg is None or arg[: len(keyword)].upper() != keyword:
        raise Rejected(syntax)
    match = _PATH.match(arg, len(keyword))
    if match is None:
        raise Rejected(syntax)
    address = match["bare"] if match["path"] is None else match["path"]
    if _C1.search(address):
        raise Rejected(replies.BAD_CHARACTER)
    local, _, domain = address.rpartition("@")
    octets = limits.LOCAL_PART_OCTETS, limits.DOMAIN_OCTETS
    if len(local.encode()) > octets[0] or len(domain.encode()) > octets[1]:
        raise Rejected(replies.PATH_TOO_LONG)
    return Path(address, _parameters(match["parameters"] or ""))


def _parameters(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for word in filter(None, text.split(" ")):
        match = _PARAMETER.match(word)
        if match is None or match[1].upper() in found:
            raise Rejected(replies.SYNTAX)
        found[match[1].upper()] = match[2]
    return found


def check_mail_parameters(parameters: dict[str, str | None], extended: bool) -> bool:
    """Whether SMTPUTF8 was asked for. Raises: Rejected for what is not offered or over a limit."""
    for keyword, text in parameters.items():
        if not extended or keyword not in ("SIZE", "BODY", "SMTPUTF8"):
            raise Rejected(replies.BAD_PARAMETER)
        if keyword == "SIZE" and not (text and text.isascii() and text.isdigit() and len(text) <= 20):
            raise Rejected(replies.SYNTAX)
        if keyword == "BODY" and (text or "").upper() not in ("7BIT", "8BITMIME"):
            raise Rejected(replies.SYNTAX)
        if keyword == "SMTPUTF8" and text is not None:
            raise Rejected(replies.SYNTAX)
    if int(parameters.get("SIZE") or 0) > limits.MESSAGE_OCTETS:
        raise Rejected(replies.TOO_BIG)
    return "SMTPUTF8" in parameters


def check_reverse_path(address: str, smtputf8: bool) -> None:
    """Nothing (the null reverse-path) or a mailbox at a domain. Raises: Rejected."""
    check_utf8(address, smtputf8)
    if address and not _MAILBOX.match(address):
        raise Rejected(replies.BAD_SENDER)


def check_utf8(address: str, smtputf8: bool) -> None:
    """An address outside ASCII needs SMTPUTF8 (RFC 6531 section 3.5). Raises: Rejected."""
    if not smtputf8 and not address.isascii():
        raise Rejected(replies.NEED_SMTPUTF8)


def domain(arg: str | None) -> str:
    """The argument of HELO or EHLO: one word of ASCII, and liberal in everything else. Raises: Rejected."""
    if not arg:
        raise Rejected(replies.NEED_DOMAIN)
    if " " in arg or not arg.isascii() or len(arg) > limits.DOMAIN_OCTETS:
        raise Rejected(replies.SYNTAX)
    return arg
