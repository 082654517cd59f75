"""The header block of a submitted message, read strictly, and the block that leaves, checked against it.

What is read here decides authorization, envelope and signature alike (O1). Must never let two readers see different
authors, nor a field leave that was not meant.
"""

import re
from collections.abc import Iterable

from aimx import limits
from aimx.errors import MalformedMessage, Refused
from aimx.mime import addresses, clean, dates, fields, parse, structured, words
from aimx.model.address import Address, folded
from aimx.model.outbound import Submission

_END = re.compile(rb"\r?\n\r?\n")
_MIME = frozenset(("mime-version", "content-type", "content-transfer-encoding"))
_SPEAKERS = frozenset(("sender", "resent-from", "resent-sender"))
_NEVER = frozenset(("bcc", "dkim-signature", "received", "return-path", "authentication-results"))
_SINGLE = frozenset(("from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references",
                     "subject", "date"))  # fmt: skip


def head_of(message: bytes) -> bytes:
    """The header block with the last field's line end. Raises: MalformedMessage."""
    end = _END.search(message, 0, limits.SUBMITTED_HEAD_OCTETS + 4)
    if end is None:
        if len(message) > limits.SUBMITTED_HEAD_OCTETS:
            raise MalformedMessage("outbound request header block is too large")
        raise MalformedMessage("outbound request body has no header/body separator (expected blank line)")
    return message[: end.start()] + b"\r\n"


def read(message: bytes, message_id: str, date: float) -> Submission:
    """What the header block says. `message_id` and `date` stand in for those it lacks. Raises: MalformedMessage."""
    entity = parse.entities(head_of(message) + b"\r\n")[0]
    if entity.malformed:
        raise MalformedMessage("a header line is not a field")
    values: dict[str, str] = {}
    for name, raw in entity.fields:
        if name in values and name in _SINGLE:
            raise MalformedMessage(f"duplicate header: {name.title()}")
        values[name] = structured.text(raw)
    author = _author(values)
    _speaks_for_itself(entity.fields, author)
    to, cc, bcc = (_listed(values, name) for name in ("to", "cc", "bcc"))
    recipients = tuple(dict.fromkeys((*to, *cc, *bcc)))
    if not recipients:
        raise MalformedMessage("missing required header: To")
    named = " ".join(fields.message_ids(values.get("message-id", ""))[:1]) or message_id
    in_reply_to = " ".join(fields.message_ids(values.get("in-reply-to", ""))[:1])
    references = fields.message_ids(values.get("references", ""))
    return Submission(
        author=author,
        recipients=recipients,
        from_=_shown(values, "from"),
        to=_shown(values, "to"),
        cc=_shown(values, "cc"),
        bcc=tuple(str(address) for address in bcc),
        reply_to=_shown(values, "reply-to"),
        subject=clean.one_line(words.decode(values.get("subject", ""))),
        message_id=named,
        in_reply_to=in_reply_to,
        references=tuple(references),
        thread_id=fields.thread_id(named, in_reply_to, references),
        date=dates.rfc3339(values.get("date", "")) or dates.utc(date),
    )


def _author(values: dict[str, str]) -> Address:
    if "from" not in values:
        raise MalformedMessage("missing required header: From")
    listing = addresses.read(values["from"])
    if len(listing.mailboxes) > 1:
        raise MalformedMessage("From must hold exactly one address")
    if not listing.sound or not listing.mailboxes or not listing.mailboxes[0].sound:
        raise MalformedMessage(f"could not extract sender address from From: {values['from'].strip()}")
    return _address(listing.mailboxes[0].addr_spec)


def _speaks_for_itself(header: Iterable[tuple[str, bytes]], author: Address) -> None:
    """Readers show the sender beside the author, so under our signature it is nobody else. Raises: MalformedMessage."""
    for name, raw in header:
        if name in _SPEAKERS:
            (spoken, *more) = _listed({name: structured.text(raw)}, name) or (None,)
            if more or spoken is None or folded(str(spoken)) != folded(str(author)):
                raise MalformedMessage(f"{name.title()} must be the From address, or absent")


def _listed(values: dict[str, str], name: str) -> tuple[Address, ...]:
    if name not in values:
        return ()
    listing = addresses.read(values[name])
    if not listing.sound or not all(mailbox.sound for mailbox in listing.mailboxes):
        raise MalformedMessage(f"could not extract recipient address from {name.title()}: {values[name].strip()}")
    return tuple(_address(mailbox.addr_spec) for mailbox in listing.mailboxes)


def _address(spec: str) -> Address:
    local, _, domain = spec.rpartition("@")
    return Address(local, domain)


def _shown(values: dict[str, str], name: str) -> str:
    return ", ".join(str(mailbox) for mailbox in addresses.read(values[name]).mailboxes) if name in values else ""


def check(submission: Submission, head: bytes) -> None:
    """The block that is about to be signed says what was authorized, and nothing that must not leave (O2).

    Raises: Refused.
    """
    entity = parse.entities(head + b"\r\n")[0]
    names = [name for name, _ in entity.fields]
    once = [name for name in names if name in _SINGLE or name in _MIME]
    if entity.malformed or len(once) != len(set(once)) or not _NEVER.isdisjoint(names):
        raise Refused("a header value would be read as another field")
    values = {name: structured.text(raw) for name, raw in entity.fields}
    if "from" not in values or _author(values) != submission.author:
        raise Refused("the From field would not say who was authorized")
    _speaks_for_itself(entity.fields, submission.author)
    visible = {*_listed(values, "to"), *_listed(values, "cc")}
    if not visible.issubset(submission.recipients):
        raise Refused("a recipient field would say more than was submitted")
