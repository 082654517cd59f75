"""Header fields of a message to the decoded facts of `Headers`.

Must never raise, and must never name an author whom two readers could read differently.
"""

import hashlib
import re

from aimx import limits
from aimx.mime import addresses, clean, dates, structured, words
from aimx.mime.parse import Fields
from aimx.model.envelope import Envelope
from aimx.model.message import Headers

# RFC 5322 section 3.6 and RFC 2045 section 3: at most one of each.
_SINGLETONS = frozenset(
    (
        *(
            "from",
            "sender",
            "reply-to",
            "to",
            "cc",
            "bcc",
            "message-id",
            "in-reply-to",
            "references",
            "subject",
            "date",
        ),
        *("mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id"),
    )
)
_MSG_ID = re.compile(r"<([^<>\s]++)>")
_BARE_ID = re.compile(r"[^<>\s,;]++")
_KEYWORD = re.compile(r"\s*+([A-Za-z0-9_-]++)")
_BULK = frozenset(("bulk", "junk", "list"))


def headers(fields: Fields, malformed: bool, envelope: Envelope) -> Headers:
    """The facts of one header block.

    Args:
        malformed: a line of the block was no field, so that readers disagree about where it ends.
    """
    values: dict[str, bytes] = {}
    repeated: list[str] = []
    for name, raw in fields:
        if name in values and name in _SINGLETONS and name not in repeated:
            repeated.append(name)
        values[name] = raw  # the last one, which DKIM signs first (RFC 6376 section 5.4.2)
    senders = addresses.read(_text(values, "from"))
    message_id = _first_id(_text(values, "message-id"))
    in_reply_to = _first_id(_text(values, "in-reply-to"))
    references = message_ids(_text(values, "references"))
    author, problem = _author(values, repeated, malformed, senders)
    to, to_all = _first(values, "to"), _all(values, "to")
    date = dates.rfc3339(_text(values, "date")) if "date" in values else None
    return Headers(
        from_=_bounded(str(senders.mailboxes[0])) if senders.mailboxes else "",
        to=to,
        cc=_all(values, "cc"),
        reply_to=_all(values, "reply-to"),
        subject=_bounded(clean.one_line(words.decode(_text(values, "subject")))) or "(no subject)",
        date=date or dates.utc(envelope.received_at),
        message_id=message_id,
        in_reply_to=in_reply_to,
        references=_bounded(" ".join(references)),
        list_id=_raw(values, "list-id"),
        auto_submitted=_raw(values, "auto-submitted"),
        thread_id=thread_id(message_id, in_reply_to, references),
        author=author,
        from_problem=problem,
        automated=envelope.bounce or any(_is_automatic(name, raw) for name, raw in fields),
        repeated=" ".join(repeated),
        to_all=to_all if to_all != to else "",
    )


def thread_id(message_id: str, in_reply_to: str, references: list[str]) -> str:
    """The guide's formula: 16 hex digits of the SHA-256 of the thread's root."""
    root = in_reply_to or (references[0] if references else message_id)
    return hashlib.sha256(root.encode()).hexdigest()[:16]


def _author(
    values: dict[str, bytes], repeated: list[str], malformed: bool, senders: addresses.Listing
) -> tuple[str | None, str]:
    """The one From address, or why there is none."""
    if "from" not in values:
        return None, "no-from"
    if "from" in repeated or len(senders.mailboxes) > 1:
        return None, "multiple-from"
    if not senders.mailboxes:
        return None, "no-from"
    if malformed:
        return None, "malformed-header"
    if len(values["from"]) > limits.HEADER_OCTETS:  # cut: what followed may be another address
        return None, "unreadable-from"
    if not senders.sound or not senders.mailboxes[0].sound:
        return None, "unreadable-from"
    return senders.mailboxes[0].addr_spec, ""


def _is_automatic(name: str, raw: bytes) -> bool:
    """Whether a field says that no person wrote the message (U5).

    Each occurrence counts: a relay may add one, and whoever writes "no" below "auto-replied" takes nothing back. What
    is not readable as "no" (RFC 3834 section 5) is not "no".
    """
    if name not in ("auto-submitted", "precedence"):
        return False
    value = structured.without_comments(structured.text(raw[: limits.HEADER_OCTETS]))
    found = _KEYWORD.match(value)
    keyword = found[1].lower() if found is not None else ""
    return keyword != "no" if name == "auto-submitted" else keyword in _BULK


def _text(values: dict[str, bytes], name: str) -> str:
    raw = values.get(name)
    return structured.text(raw[: limits.HEADER_OCTETS]) if raw is not None else ""


def _raw(values: dict[str, bytes], name: str) -> str:
    """An undecoded value as one clean line."""
    return _bounded(clean.one_line(structured.latin(_text(values, name)))) if name in values else ""


def _bounded(text: str) -> str:
    return text[: limits.HEADER_VALUE_CHARACTERS]


def _first(values: dict[str, bytes], name: str) -> str:
    mailboxes = addresses.read(_text(values, name)).mailboxes if name in values else ()
    return _bounded(str(mailboxes[0])) if mailboxes else ""


def _all(values: dict[str, bytes], name: str) -> str:
    if name not in values:
        return ""
    return _bounded(", ".join(str(mailbox) for mailbox in addresses.read(_text(values, name)).mailboxes))


def message_ids(value: str) -> list[str]:
    """Message-IDs in order, without brackets; a value without any brackets is read as bare ids."""
    found = _MSG_ID.findall(value) or _BARE_ID.findall(value)
    cleaned = (clean.one_line(structured.latin(item)) for item in found)
    return [item for item in cleaned if item]


def _first_id(value: str) -> str:
    found = message_ids(value)
    return _bounded(found[0]) if found else ""
