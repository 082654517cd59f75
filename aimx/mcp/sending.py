"""The guide's two tools that send: composed here with the caller's rights, signed and delivered by the daemon."""

import re
import time
from typing import Annotated, Any

import msgspec
import trio
from msgspec import UNSET, Meta, UnsetType

from aimx import limits
from aimx.drafting import attachments, fields, submit
from aimx.errors import DaemonSilent, WireError, told
from aimx.mcp import parameters, reading
from aimx.mcp.daemon import refused
from aimx.mcp.parameters import EmailId, HtmlBody, TextOnly
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError, line
from aimx.mime import addresses, clean, write
from aimx.model.address import Address, NamedAddress
from aimx.model.draft import Draft
from aimx.policy import verdict
from aimx.wire.frames import EmailList, EmailRead, MailboxShow, Send

_BODY = "Markdown by default: rendered to HTML, with the source as the text part."
_LOOK = "look into the sent folder before you send it again"
_BRACKETS = re.compile("[<>]")
_RE = re.compile(r"re\s*:", re.IGNORECASE)
_THREADS = trio.CapacityLimiter(limits.MCP_COMPOSE_THREADS)


class Letter(msgspec.Struct, frozen=True):
    """What `email_send` takes."""

    from_mailbox: Annotated[str, Meta(description="Name of the mailbox to send from; one that you own.")]
    to: Annotated[str, Meta(description="Recipient address, e.g. bob@example.com.")]
    subject: Annotated[str, Meta(description="Subject line.")]
    body: Annotated[str, Meta(description=f"Text of the email. {_BODY}")]
    text_only: TextOnly = False
    html_body: HtmlBody | UnsetType = UNSET
    attachments: Annotated[list[str], Meta(description="Paths of files to attach; you must be able to read them.")] = []
    reply_to: (
        Annotated[
            str,
            Meta(
                description="Message-ID of the email that this answers (message_id in its frontmatter); needed for"
                " threading. For a plain answer prefer email_reply."
            ),
        ]
        | UnsetType
    ) = UNSET
    references: (
        Annotated[
            str,
            Meta(description="Message-IDs of the whole thread, with blanks between. Only together with reply_to."),
        ]
        | UnsetType
    ) = UNSET


class Answer(msgspec.Struct, frozen=True):
    """What `email_reply` takes."""

    mailbox: Annotated[str, Meta(description="Mailbox that holds the email; one that you own.")]
    id: EmailId
    body: Annotated[str, Meta(description=f"Text of the reply. {_BODY}")]
    text_only: TextOnly = False
    html_body: HtmlBody | UnsetType = UNSET


class Sent(msgspec.Struct, frozen=True):
    """What both give."""

    to: Annotated[str, Meta(description="To whom.")]
    message_id: Annotated[str, Meta(description="Message-ID of the email, in its brackets.")]


async def _send(call: Call, asked: Letter) -> Told:
    _refuse_both(asked)
    author = await _author(call, asked.from_mailbox, "send")
    for header, text in (("To", asked.to), ("Subject", asked.subject)):
        fields.one_line(header, [text])
    parent = fields.parent("reply_to", "references", asked.reply_to or "")
    chain = fields.message_ids("references", asked.references or "") if parent else ()
    if parent and not chain:
        chain = await _chain(call, asked.from_mailbox, parent[0])
    draft = Draft(
        from_=author,
        to=_recipients(asked.to),
        subject=fields.text_of("subject", asked.subject),
        body=fields.text_of("body", asked.body),
        date=time.time(),
        message_id=fields.new_message_id(author.address.domain),
        in_reply_to="".join(parent),
        references=chain,
    )
    return await _submit(call, draft, asked, asked.to)


async def _reply(call: Call, asked: Answer) -> Told:
    _refuse_both(asked)
    author = await _author(call, asked.mailbox, "reply")
    original = await reading.fields(call.daemon, EmailRead(asked.mailbox, parameters.email_id(asked.id)))
    to = _answered(asked.id, original)
    subject = clean.one_line(_text(original, "subject")).strip()
    parent = tuple(_ids(_text(original, "message_id"))[:1])
    draft = Draft(
        from_=author,
        to=to,
        subject=subject if _RE.match(subject) else f"Re: {subject}",
        body=fields.text_of("body", asked.body),
        date=time.time(),
        message_id=fields.new_message_id(author.address.domain),
        in_reply_to="".join(parent),
        references=_shortened((*_ids(_text(original, "references")), *parent)) if parent else (),
    )
    return await _submit(call, draft, asked, ", ".join(str(named.address) for named in to))


def _refuse_both(asked: Letter | Answer) -> None:
    """Raises: ToolError. HTML that is empty was given all the same (reference section 3.4)."""
    if asked.text_only and asked.html_body is not UNSET:
        raise ToolError(submit.exclusive())


async def _author(call: Call, mailbox: str, verb: str) -> NamedAddress:
    """The address that a mailbox sends under. Raises: ToolError."""
    shown = await call.daemon.value(MailboxShow(mailbox))
    if shown["catchall"]:
        raise ToolError(
            f"Cannot {verb} from '{mailbox}': catchall mailbox has no valid sender address. Use a named mailbox."
        )
    local, _, domain = shown["address"].rpartition("@")
    return NamedAddress("", Address(local, domain))


def _recipients(text: str) -> tuple[NamedAddress, ...]:
    """Raises: Refused, ToolError."""
    if not text.strip():
        raise ToolError("To: no recipient")
    return fields.addresses("To", [text])


async def _chain(call: Call, mailbox: str, parent: str) -> tuple[str, ...]:
    """The References of an answer (RFC 5322 section 3.6.4): the parent's and the parent, where it is stored."""
    if not any(character.isalnum() for character in parent):  # nothing that could be searched for
        return (parent,)
    found = await call.daemon.value(EmailList(mailbox, "all", text=parent))
    row = next((row for row in found["emails"] if parent in _ids(row["message_id"])), None)
    if row is None:
        return (parent,)
    original = await reading.fields(call.daemon, EmailRead(mailbox, row["id"], row["folder"]))
    return _shortened((*_ids(_text(original, "references")), parent))


def _ids(text: str) -> list[str]:
    """What can be written again of the Message-IDs in a stored field, with brackets or without."""
    words = _BRACKETS.sub(" ", text).split()
    return [word for word in words if write.is_msg_id(word)]


def _shortened(chain: tuple[str, ...]) -> tuple[str, ...]:
    """Each once; of a very long chain the first and the last (RFC 5537 section 3.4.4)."""
    unique = tuple(dict.fromkeys(chain))
    most = limits.REFERENCES_WRITTEN
    return unique if len(unique) <= most else (unique[0], *unique[-(most - 1) :])


def _answered(email_id: str, original: dict[str, Any]) -> tuple[NamedAddress, ...]:
    """Where answers go: Reply-To where there is one (RFC 5322 section 3.6.2), else From. Raises: ToolError."""
    for key in ("reply_to", "from"):
        listing = addresses.read(_text(original, key))
        specs = [mailbox.addr_spec for mailbox in listing.mailboxes if mailbox.sound]
        if specs:
            parts = (spec.rpartition("@") for spec in dict.fromkeys(specs))
            return tuple(NamedAddress("", Address(local, domain)) for local, _, domain in parts)
    raise ToolError(f"Email '{email_id}' names no address that could be answered; use email_send")


def _text(original: dict[str, Any], key: str) -> str:
    """A field of a file whose owner may have edited it."""
    value = original.get(key, "")
    return value if isinstance(value, str) else ""


async def _submit(call: Call, draft: Draft, asked: Letter | Answer, to: str) -> Told:
    """Hand it over and tell what became of it. Raises: ToolError, Refused, DaemonUnavailable."""
    html = None if isinstance(asked.html_body, UnsetType) else asked.html_body
    paths = asked.attachments if isinstance(asked, Letter) else []

    def compose() -> Send:
        complete = draft._replace(attachments=attachments.collect(paths))
        return submit.request(complete, asked.text_only, html, "html_body")

    request = await trio.to_thread.run_sync(compose, limiter=_THREADS)
    try:
        response = await call.daemon.ask(request, limits.CLIENT_REPLY_S)
    except (DaemonSilent, WireError) as error:
        raise ToolError(f"DELIVERY: {verdict.UNKNOWN}: {told(error)}; {_LOOK}") from None
    if response.kind == "error":
        why = refused(response)
        raise ToolError(f"{why}; {_LOOK}") if response.reason.startswith(verdict.UNKNOWN) else why
    message_id = response.note or f"<{draft.message_id}>"
    return line(f"Email sent to {to}. Message-ID: {message_id}", to=to, message_id=message_id)


_HINTS = Hints(read_only=False, destructive=True, idempotent=False, open_world=True)
TOOLS = (
    Tool(
        "email_send",
        "Send an email",
        "Compose an email, sign it with DKIM and deliver it, which cannot be undone; the answer tells whether the"
        " recipient's server took it. To answer an email use email_reply, which threads it correctly.",
        Letter,
        Sent,
        _HINTS,
        _send,
    ),
    Tool(
        "email_reply",
        "Reply to an email",
        "Answer an email of the inbox: recipient, Re: subject and threading headers are set from it. It is sent at"
        " once and cannot be undone.",
        Answer,
        Sent,
        _HINTS,
        _reply,
    ),
)
