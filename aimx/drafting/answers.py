"""Answers to a stored mail: to whom, about what, in which thread, what is quoted. Computes; reads and sends nothing.

What is given is the frontmatter of a file: its owner may have edited it, and a stranger wrote what it tells.
"""

import re
from typing import Any

from aimx import limits
from aimx.mime import addresses, clean, write
from aimx.model.address import Address, NamedAddress, folded

Fields = dict[str, Any]
_BRACKETS = re.compile("[<>]")
_RE = re.compile(r"re\s*:", re.IGNORECASE)
_MARKUP = re.compile(r"([\\`*\[\]#|~&!]|(?<!\w)_|_(?!\w))")


def text_of(original: Fields, key: str) -> str:
    """A field; empty where there is none that is text."""
    value = original.get(key, "")
    return value if isinstance(value, str) else ""


def to_of(original: Fields) -> str:
    """All of To: the field of that name has the first only (guide)."""
    return text_of(original, "to_all") or text_of(original, "to")


def subject(original: Fields) -> str:
    """What is answered, once with `Re:`."""
    given = clean.one_line(text_of(original, "subject")).strip()
    return given if _RE.match(given) else f"Re: {given}"


def parent(original: Fields) -> tuple[str, ...]:
    """The Message-ID that is answered, without brackets; nothing where it has none that can be written again."""
    return tuple(ids(text_of(original, "message_id"))[:1])


def chain(original: Fields) -> tuple[str, ...]:
    """The References of what follows it (RFC 5322 section 3.6.4): its own, and it."""
    return shortened((*ids(text_of(original, "references")), *parent(original)))


def ids(text: str) -> list[str]:
    """What can be written again of the Message-IDs in a stored field, with brackets or without."""
    words = _BRACKETS.sub(" ", text).split()
    return [word for word in words if write.is_msg_id(word)]


def shortened(references: tuple[str, ...]) -> tuple[str, ...]:
    """Each once; of a very long chain the first and the last (RFC 5537 section 3.4.4)."""
    unique = tuple(dict.fromkeys(references))
    most = limits.REFERENCES_WRITTEN
    return unique if len(unique) <= most else (unique[0], *unique[-(most - 1) :])


def author(original: Fields) -> tuple[NamedAddress, ...]:
    """Where answers go: Reply-To where there is one (RFC 5322 section 3.6.2), else From; perhaps nowhere."""
    return next(filter(None, (listed(text_of(original, key)) for key in ("reply_to", "from"))), ())


def listed(text: str) -> tuple[NamedAddress, ...]:
    """The sound addresses of a stored field, each once and without the name that somebody gave to it."""
    found: dict[str, str] = {}
    for mailbox in addresses.read(text).mailboxes:
        if mailbox.sound:
            found.setdefault(folded(mailbox.addr_spec), mailbox.addr_spec)
    parts = (spec.rpartition("@") for spec in found.values())
    return tuple(NamedAddress("", Address(local, domain)) for local, _, domain in parts)


def copied(
    original: Fields, everybody: bool, given: tuple[NamedAddress, ...], known: tuple[NamedAddress, ...]
) -> tuple[NamedAddress, ...]:
    """Who gets a copy: those given and, if everybody is answered, all of To and Cc; each once, none of `known`."""
    found = {folded(str(named.address)): named for named in given}
    for text in (to_of(original), text_of(original, "cc")) if everybody else ():
        for named in listed(text):
            found.setdefault(folded(str(named.address)), named)
    for named in known:
        found.pop(folded(str(named.address)), None)
    return tuple(found.values())


def quoted(text: str) -> str:
    """Each line of it as a quotation."""
    return "\n".join(f"> {line}" if line else ">" for line in text.rstrip("\n").split("\n"))


def escaped(value: str) -> str:
    """Header text that Markdown shows as it is; an address stands in brackets that are none of HTML's."""
    return _MARKUP.sub(r"\\\1", value.replace("<", "(").replace(">", ")"))
