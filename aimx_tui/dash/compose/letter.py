"""A letter while it is written, as a value: what its fields hold, what is wrong with them, and the draft it makes.

Its addresses are text until it is sent. Never draws and never sends.
"""

import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from aimx.drafting import fields
from aimx.errors import AimxError, Refused, told
from aimx.mime import clean
from aimx.model.draft import Draft, DraftFile

Kind = Literal["new", "reply", "all", "forward"]
ADDRESSES = ("to", "cc", "bcc")
_NAMES = {"to": "To", "cc": "Cc", "bcc": "Bcc"}


class Taken(NamedTuple):
    """A file of the mail that is sent on, as the daemon has it."""

    mailbox: str
    folder: str
    id: str
    path: str
    filename: str
    content_type: str
    size: int = 0


class Letter(NamedTuple):
    """`from_`: the address of a mailbox, empty while none is chosen. `of`: the key of the mail that it is about."""

    kind: Kind = "new"
    from_: str = ""
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    body: str = ""
    files: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    of: str = ""


def problems(letter: Letter) -> dict[str, str]:
    """What keeps it from being sent, by field, in the words of whoever would refuse it."""
    found = {} if letter.from_ else {"from_": "From: choose the mailbox that sends"}
    for name in ADDRESSES:
        why = problem(name, getattr(letter, name))
        if why:
            found[name] = why
    if not any(listed(getattr(letter, name)) for name in ADDRESSES):
        found.setdefault("to", "To: no recipient")
    why = _refusal(lambda: fields.one_line("Subject", [fields.text_of("Subject", letter.subject)]))
    return {**found, "subject": why} if why else found


def problem(name: str, text: str) -> str:
    """What is wrong with the addresses in a field; empty when nothing is."""
    header, texts = _NAMES[name], listed(text)

    def read() -> None:
        fields.one_line(header, texts)
        fields.addresses(header, texts)

    return _refusal(read)


def listed(text: str) -> list[str]:
    """What a field holds: nothing, or a list. A comma at its end is one that is being typed."""
    bare = text.strip().rstrip(",").rstrip()
    return [bare] if bare else []


def recipients(letter: Letter) -> list[str]:
    """Everybody who is to get it, each once. Raises: Refused."""
    named = (one for name in ADDRESSES for one in fields.addresses(_NAMES[name], listed(getattr(letter, name))))
    return list(dict.fromkeys(str(one.address) for one in named))


def only(letter: Letter, wanted: set[str]) -> Letter:
    """The same to these recipients alone. Raises: Refused."""
    left: dict[str, Any] = {}
    for name in ADDRESSES:
        named = fields.addresses(_NAMES[name], listed(getattr(letter, name)))
        left[name] = ", ".join(str(one.address) for one in named if str(one.address) in wanted)
    return letter._replace(**left)


def draft(letter: Letter, attachments: tuple[DraftFile, ...]) -> Draft:
    """What is submitted, without a Message-ID: it is sent under a key. Raises: Refused."""
    for why in problems(letter).values():
        raise Refused(why)
    to, cc, bcc = (fields.addresses(_NAMES[name], listed(getattr(letter, name))) for name in ADDRESSES)
    return Draft(
        from_=fields.addresses("From", [letter.from_])[0],
        to=to,
        cc=cc,
        bcc=bcc,
        subject=fields.text_of("Subject", letter.subject),
        body=fields.text_of("the text", letter.body),
        date=time.time(),
        message_id="",
        in_reply_to=letter.in_reply_to,
        references=letter.references,
        attachments=attachments,
    )


def named(taken: Taken) -> str:
    """A file of a mail as it will be called."""
    return clean.one_line(taken.filename)


def _refusal(check: Callable[[], None]) -> str:
    try:
        check()
    except AimxError as error:
        return told(error)
    return ""


def plain(letter: Letter) -> dict[str, Any]:
    """As JSON can hold it."""
    return {**letter._asdict(), "taken": [taken._asdict() for taken in letter.taken]}


def read(found: dict[str, Any]) -> Letter:
    """Of that. Raises: Refused for what is none."""
    try:
        texts = {name: str(found[name]) for name in ("from_", *ADDRESSES, "subject", "body", "in_reply_to", "of")}
        taken = tuple(Taken(**{**one, "size": int(one["size"])}) for one in found["taken"])
        kind: Kind = found["kind"] if found["kind"] in ("reply", "all", "forward") else "new"
        files, references = (tuple(str(one) for one in found[name]) for name in ("files", "references"))
        return Letter(kind=kind, files=files, references=references, taken=taken, **texts)
    except (KeyError, TypeError, ValueError):
        raise Refused("a draft that cannot be read") from None
