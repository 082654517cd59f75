"""Which mailbox takes a recipient (R1)? Never touches a path: the answer is a configured mailbox or a refusal."""

import re

from aimx.errors import ForeignSender, RelayDenied, UnknownRecipient
from aimx.model.address import Address, folded
from aimx.model.config import Config, Mailbox

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_QUOTED_PAIR = re.compile(r"\\(.)")
_LOCAL = re.compile(rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*")\Z')


def recipient(config: Config, rcpt: str) -> Mailbox:
    """The mailbox for one forward-path, compared case-insensitively: address, then name, then the catchall.

    Args:
        rcpt: the address between the angle brackets of RCPT, without source route.

    Raises: RelayDenied for foreign domains and malformed addresses; UnknownRecipient when nothing takes it.
    """
    if folded(rcpt) == "postmaster":
        return _postmaster(config)
    local, at, domain = rcpt.rpartition("@")
    if not at or folded(domain) != folded(config.domain) or not _LOCAL.match(local):
        raise RelayDenied("relay not permitted")
    local = _unquoted(local)
    wanted = folded(f"{local}@{domain}")
    for mailbox in config.mailboxes.values():
        if not mailbox.catchall and folded(mailbox.address) == wanted:
            return mailbox
    name = folded(local)
    for mailbox in config.mailboxes.values():
        if not mailbox.catchall and folded(mailbox.name) == name:
            return mailbox
    if name == "postmaster":
        return _postmaster(config)
    found = _catchall(config)
    if found is None:
        raise UnknownRecipient(f"{rcpt}: recipient address rejected: user unknown")
    return found


def sender(config: Config, author: Address) -> Mailbox | None:
    """The concrete mailbox that sends as this author: by address, then by name; None: there is none.

    The catchall only receives. Raises: ForeignSender for any domain but exactly ours.
    """
    if folded(author.domain) != folded(config.domain):
        raise ForeignSender(f"sender domain '{author.domain}' does not match aimx domain '{config.domain}'")
    wanted, name = folded(str(author)), folded(author.local_part)
    concrete = [mailbox for mailbox in config.mailboxes.values() if not mailbox.catchall]
    by_address = (mailbox for mailbox in concrete if folded(mailbox.address) == wanted)
    by_name = (mailbox for mailbox in concrete if folded(mailbox.name) == name)
    return next(by_address, None) or next(by_name, None)


def by_hand(config: Config, rcpt: str) -> Mailbox:
    """The mailbox for a message that the operator hands in: a foreign or missing domain counts as ours.

    Raises: RelayDenied for malformed addresses; UnknownRecipient when nothing takes it.
    """
    local, at, _domain = rcpt.rpartition("@")
    try:
        return recipient(config, rcpt)
    except RelayDenied:
        return recipient(config, f"{local if at else rcpt}@{config.domain}")


def _unquoted(local: str) -> str:
    """RFC 5321 section 4.1.2: `"fred"` and `fred` are the same; what needs its quotes keeps them."""
    content = _QUOTED_PAIR.sub(r"\1", local[1:-1]) if local.startswith('"') else ""
    return content if _DOT_STRING.match(content) else local


def _catchall(config: Config) -> Mailbox | None:
    return next((mailbox for mailbox in config.mailboxes.values() if mailbox.catchall), None)


def _postmaster(config: Config) -> Mailbox:
    """RFC 5321 section 4.5.1: always accepted, where there is anywhere to put it."""
    found = config.mailboxes.get("postmaster") or _catchall(config) or config.mailboxes.get(config.postmaster or "")
    if found is None:
        raise UnknownRecipient("postmaster: recipient address rejected: user unknown")
    return found
