"""The header block of a submitted message, read strictly, and the block that leaves, checked against it.

What is read here decides authorization, envelope and signature alike (O1). Must never let two readers see different
authors, nor a field leave that was not meant.
"""

import re
from typing import NamedTuple

from aimx import limits
from aimx.errors import MalformedMessage, Refused
from aimx.mime import addresses, block, clean, dates, fields, structured, words, write
from aimx.mime.block import shown
from aimx.model.address import Address, NamedAddress, folded
from aimx.model.domain import a_label
from aimx.model.outbound import Submission

# Fields that never leave. Bcc is secret (O1). Sender can only repeat From, and resending is no sending. The body is
# made anew, and its fields with it. The others tell what servers saw: here none has seen anything, and who forges them
# makes readers believe a verification or a way that never was.
_SENDERS = ("sender", "resent-from", "resent-sender")
_FORWARDED = ("resent-to", "resent-cc", "resent-bcc")
_DROPPED = frozenset(
    ("bcc", "mime-version", "dkim-signature", "domainkey-signature", "received", "received-spf", "return-path",
     "authentication-results", "delivered-to", "envelope-to", "apparently-to", "x-original-to", *_SENDERS)
)  # fmt: skip
_DROPPED_PREFIXES = ("content-", "arc-", "resent-", "x-envelope-")
_ADDRESSES = ("from", "to", "cc", "reply-to")
_BRACKETED = re.compile(r"<([^<>]*)>")
_IDS = ("message-id", "in-reply-to", "references")
_SINGLE = frozenset((*_ADDRESSES, *_IDS, *_SENDERS, "bcc", "subject", "date", "auto-submitted"))
_MIME = (["mime-version", "content-type"], ["mime-version", "content-type", "content-transfer-encoding"])


class Leaving(NamedTuple):
    """A field that leaves: its name as submitted and in lower case, its value as it came and decoded.

    `text` is empty for a field that is parsed.
    """

    name: str
    key: str
    raw: str
    text: str


class Read(NamedTuple):
    """What a header block says. `kept` are the fields that leave, in order. `date` is RFC 3339, None without one.

    `addresses` has from, to, cc, bcc and reply-to, `ids` message-id, in-reply-to and references.
    """

    addresses: dict[str, tuple[NamedAddress, ...]]
    ids: dict[str, tuple[str, ...]]
    date: str | None
    kept: tuple[Leaving, ...]
    names: tuple[str, ...]


def leaves(name: str) -> bool:
    """Whether a submitted field of this (lower-case) name leaves at all."""
    return name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)


def is_long(message: bytes) -> bool:
    """Whether its header block takes so long to read that others should not wait for it."""
    short = message[: limits.SHORT_HEAD_OCTETS]
    return len(short) == limits.SHORT_HEAD_OCTETS and b"\n\n" not in short and b"\n\r\n" not in short


def read_block(message: bytes) -> Read:
    """All that is said above the body. Raises: MalformedMessage, Refused."""
    return _read_fields(block.split(message).fields)


def _read_fields(found: tuple[block.Field, ...]) -> Read:
    values: dict[str, str] = {}
    for field in found:
        if field.key in values and field.key in _SINGLE:
            raise MalformedMessage(f"duplicate header: {field.name}")
        values[field.key] = structured.text(field.value)
    if "from" not in values:
        raise MalformedMessage("missing required header: From")
    author = _author(values["from"])
    named = {name: _named(values, name) for name in ("to", "cc", "bcc", "reply-to")}
    named["from"] = (author,)
    _refuse_others(values, named["from"][0].address)
    ids = {name: _ids(values, name) for name in _IDS}
    date = dates.rfc3339(values["date"]) if "date" in values else None
    said: dict[str, object] = {**named, **ids, "date": date}
    kept = tuple(
        Leaving(field.name, field.key, _raw(field), "" if field.key in said else _text(field))
        for field in found
        if leaves(field.key) and said.get(field.key, True)
    )
    return Read(named, ids, date, kept, tuple(field.key for field in found))


def read(message: bytes, message_id: str, date: float) -> Submission:
    """What the header block says. `message_id` and `date` stand in for those it lacks.

    Raises: MalformedMessage, Refused: naming what and where, on one line.
    """
    found = read_block(message)
    recipients = _recipients(found)
    named, ids = found.addresses, found.ids
    own = (*ids["message-id"], message_id)[0]
    in_reply_to = (*ids["in-reply-to"], "")[0]
    subject = next((field.text for field in found.kept if field.key == "subject"), "")
    return Submission(
        author=named["from"][0].address,
        recipients=recipients,
        from_=_display(named["from"]),
        to=_display(named["to"]),
        cc=_display(named["cc"]),
        bcc=tuple(str(one.address) for one in named["bcc"]),
        reply_to=_display(named["reply-to"]),
        subject=clean.one_line(subject),
        message_id=own,
        in_reply_to=in_reply_to,
        references=ids["references"],
        thread_id=fields.thread_id(own, in_reply_to, list(ids["references"])),
        date=found.date or dates.utc(date),
        leaving=_leaving(found),
    )


def _leaving(found: Read) -> tuple[tuple[str, str], ...]:
    """What leaves, for comparing. Whether a message answers by itself is decided later (U5)."""
    return tuple((field.key, field.text) for field in found.kept if field.key != "auto-submitted")


def _author(value: str) -> NamedAddress:
    listing = addresses.read(value)
    if len(listing.mailboxes) > 1:
        raise MalformedMessage(f"From must hold exactly one address: {shown(value)}")
    if not listing.sound or not listing.mailboxes or not listing.mailboxes[0].sound:
        raise MalformedMessage(f"could not extract sender address from From: {shown(value)}")
    return _address("From", listing.mailboxes[0])


def _named(values: dict[str, str], name: str) -> tuple[NamedAddress, ...]:
    value = values.get(name, "")
    if not value.strip() or block.is_empty_group(value):
        return ()
    label = name.title()
    listing = addresses.read(value)
    bad = [mailbox for mailbox in listing.mailboxes if not mailbox.sound]
    if bad or not listing.sound or not listing.mailboxes:
        what = "recipient " if name != "reply-to" else ""
        culprit = str(bad[0]) if bad and str(bad[0]) else value
        raise MalformedMessage(f"could not extract {what}address from {label}: {shown(culprit)}")
    return tuple(_address(label, mailbox) for mailbox in listing.mailboxes)


def _address(label: str, mailbox: addresses.Mailbox) -> NamedAddress:
    """An address at a domain that DNS may know. Raises: MalformedMessage."""
    local, _, domain = mailbox.addr_spec.rpartition("@")
    ascii_domain = a_label(domain)
    if ascii_domain is None or ascii_domain.rpartition(".")[2].isdigit():
        raise MalformedMessage(f"{label}: {shown(domain)} is no domain that takes mail: {shown(mailbox.addr_spec)}")
    if len(local.encode()) > limits.LOCAL_PART_OCTETS:
        raise MalformedMessage(
            f"{label}: more than {limits.LOCAL_PART_OCTETS} octets before the @: {shown(mailbox.addr_spec)}"
        )
    return NamedAddress(mailbox.name, Address(local, domain if domain.isascii() else ascii_domain))


def _refuse_others(values: dict[str, str], author: Address) -> None:
    """Readers show the sender beside the author, so under our signature it is nobody else. Raises: MalformedMessage."""
    for name in _SENDERS:
        if name in values:
            spoken = _named(values, name)
            if [folded(str(one.address)) for one in spoken] != [folded(str(author))]:
                raise MalformedMessage(f"{name.title()} must be the From address, or absent")
    for name in _FORWARDED:
        if name in values:
            raise MalformedMessage(f"{name.title()} is not delivered to; name every recipient in To, Cc or Bcc")


def _recipients(found: Read) -> tuple[Address, ...]:
    """Everybody who is to get it, once: domains are compared without regard to case, local parts exactly."""
    unique: dict[tuple[str, str], Address] = {}
    for name in ("to", "cc", "bcc"):
        for one in found.addresses[name]:
            unique.setdefault((one.address.local_part, folded(one.address.domain)), one.address)
    if not unique:
        if "to" in found.names:
            raise MalformedMessage("could not extract recipient address from To: nobody is named there")
        raise MalformedMessage("missing required header: To")
    if len(unique) > limits.RECIPIENTS:
        raise MalformedMessage(f"{len(unique)} recipients are too many; {limits.RECIPIENTS} is the limit")
    return tuple(unique.values())


def _display(named: tuple[NamedAddress, ...]) -> str:
    return ", ".join(str(addresses.Mailbox(one.display_name, str(one.address), True)) for one in named)


def _ids(values: dict[str, str], name: str) -> tuple[str, ...]:
    """Message-IDs that can be written; of others' mail we may have stranger ones, which thread nothing."""
    value = values.get(name, "")
    bracketed, bare = frozenset(_BRACKETED.findall(value)), "<" not in value
    found = tuple(
        item
        for item in fields.message_ids(value)
        if write.is_msg_id(item) and (item in bracketed or (bare and "@" in item))
    )
    if name == "message-id" and name in values and not found:
        raise MalformedMessage(f"Message-ID: not a message id: {shown(value)}")
    return found[:1] if name == "message-id" else found


def _raw(field: block.Field) -> str:
    """A value as it came, on one line. Octets that are not ASCII stay visible, so that nobody repeats it as ASCII."""
    return structured.text(field.value).replace("\t", " ").strip(" ")


def _text(field: block.Field) -> str:
    """The decoded text of an unstructured field, without what no line may hold. Raises: Refused."""
    text = block.plain(words.decode(structured.text(field.value)))
    write.refuse_controls(field.name, text)
    return text


def check(submission: Submission, head: bytes) -> None:
    """The block that is about to be signed says what was authorized, and nothing else (O2).

    A worker wrote it, and a worker may have been taken over by what it read. Raises: Refused.
    """
    try:
        whole = block.split(head + b"\r\n", limits.COMPOSED_HEAD_OCTETS)
        leaving = _read_fields(whole.fields)
    except Refused as error:
        raise Refused(f"the composed header block cannot be read: {error.reason}") from error
    lines = head.split(b"\r\n")
    if whole.body != len(head) + 2 or head.count(b"\n") != len(lines) - 1 or max(map(len, lines)) > limits.LINE_OCTETS:
        raise Refused("the composed header block would have lines that no message may have")
    named, ids = leaving.addresses, leaving.ids
    wanted = list(submission.leaving)
    wanted += [(name, "") for name in ("message-id", "date") if (name, "") not in wanted]
    if list(_leaving(leaving)) != wanted or [name for name in leaving.names if not leaves(name)] not in _MIME:
        raise Refused("the composed header block would hold other fields than were submitted")
    said = (
        named["from"][0].address, _display(named["from"]), _display(named["to"]), _display(named["cc"]),
        _display(named["reply-to"]), ids["message-id"], (*ids["in-reply-to"], "")[0], ids["references"], leaving.date,
    )  # fmt: skip
    if said != (
        submission.author, submission.from_, submission.to, submission.cc, submission.reply_to,
        (submission.message_id,), submission.in_reply_to, submission.references, submission.date,
    ):  # fmt: skip
        raise Refused("the composed header block would say something else than was submitted")
