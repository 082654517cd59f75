"""The guide's two tools that send: composed here with the caller's rights, signed and delivered by the daemon."""

import time
from typing import Annotated

import msgspec
import trio
from msgspec import UNSET, Meta, UnsetType

from aimx import limits
from aimx.drafting import answers, attachments, fields, submit
from aimx.errors import DaemonSilent, WireCode, WireError, told
from aimx.mcp import parameters, reading
from aimx.mcp.daemon import refused
from aimx.mcp.parameters import Addresses, EmailId, Files, Folder, HtmlBody, Key, TextOnly
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError, line
from aimx.model.address import Address, NamedAddress
from aimx.model.draft import Draft
from aimx.policy import verdict
from aimx.wire.frames import EmailList, EmailRead, MailboxShow, Send

_BODY = "Markdown by default: rendered to HTML, with the source as the text part."
_OTHER = "the sent folder shows that one; send this one under another key if it is another email"
_LOOK = "look into the sent folder before you send it again"
_THREADS = trio.CapacityLimiter(limits.MCP_COMPOSE_THREADS)


class Letter(msgspec.Struct, frozen=True):
    """What `email_send` takes."""

    from_mailbox: Annotated[str, Meta(description="Name of the mailbox to send from; one that you own.")]
    to: Annotated[
        str | list[str],
        Meta(
            description="Recipient address, e.g. bob@example.com; several separated by commas.",
            extra_json_schema={"type": "string"},
        ),
    ]
    subject: Annotated[str, Meta(description="Subject line.")]
    body: Annotated[str, Meta(description=f"Text of the email. {_BODY}")]
    text_only: TextOnly = False
    html_body: HtmlBody | UnsetType = UNSET
    attachments: Files = []
    reply_to: (
        Annotated[
            str,
            Meta(
                description="Message-ID of the email that this answers (message_id in its frontmatter); threads it."
                " For a plain answer use email_reply."
            ),
        ]
        | UnsetType
    ) = UNSET
    references: (
        Annotated[
            str,
            Meta(description="Message-IDs of the thread, blank-separated; only with reply_to. Better left out."),
        ]
        | UnsetType
    ) = UNSET
    cc: Annotated[Addresses, Meta(description="Recipients of a copy.")] = []
    bcc: Annotated[Addresses, Meta(description="Recipients whom nobody else sees.")] = []
    idempotency_key: Key = ""


class Answer(msgspec.Struct, frozen=True):
    """What `email_reply` takes."""

    mailbox: Annotated[str, Meta(description="Mailbox that holds the email; one that you own.")]
    id: EmailId
    body: Annotated[str, Meta(description=f"Text of the reply. {_BODY}")]
    text_only: TextOnly = False
    html_body: HtmlBody | UnsetType = UNSET
    reply_all: Annotated[bool, Meta(description="Copy the others in its to and cc, too.")] = False
    cc: Annotated[Addresses, Meta(description="More recipients of a copy.")] = []
    attachments: Files = []
    idempotency_key: Key = ""


class Passed(msgspec.Struct, frozen=True):
    """What `email_forward` takes."""

    mailbox: Annotated[str, Meta(description="Mailbox that holds the email, and sends it on; one that you own.")]
    id: EmailId
    to: Annotated[
        str | list[str],
        Meta(description="Recipient address; several separated by commas.", extra_json_schema={"type": "string"}),
    ]
    note: Annotated[str, Meta(description=f"Your own text above the forwarded email. {_BODY}")] = ""
    folder: Folder = "inbox"
    cc: Annotated[Addresses, Meta(description="Recipients of a copy.")] = []
    attachments: Annotated[bool, Meta(description="false: leave its attachments out.")] = True
    text_only: Annotated[bool, Meta(description="Plain text, no HTML. Leave it false.")] = False
    idempotency_key: Key = ""


class Sent(msgspec.Struct, frozen=True):
    """What the tools that send give."""

    to: Annotated[str, Meta(description="To whom.")]
    message_id: Annotated[str, Meta(description="Message-ID of the email, in its brackets.")]


async def _send(call: Call, asked: Letter) -> Told:
    refuse_both(asked)
    sender = await author(call, asked.from_mailbox, "send")
    to = recipients("To", asked.to)
    if not to:
        raise ToolError("To: no recipient")
    fields.one_line("Subject", [asked.subject])
    parent = fields.parent("reply_to", "references", asked.reply_to or "")
    chain = fields.message_ids("references", asked.references or "") if parent else ()
    if parent and not chain:
        chain = await _chain(call, asked.from_mailbox, parent[0])
    draft = Draft(
        from_=sender,
        to=to,
        cc=recipients("Cc", asked.cc),
        bcc=recipients("Bcc", asked.bcc),
        subject=fields.text_of("subject", asked.subject),
        body=fields.text_of("body", asked.body),
        date=time.time(),
        message_id=fields.new_message_id(sender.address.domain),
        in_reply_to="".join(parent),
        references=chain,
    )
    return await hand_over(call, draft, asked)


async def _reply(call: Call, asked: Answer) -> Told:
    refuse_both(asked)
    sender = await author(call, asked.mailbox, "reply")
    original = await reading.fields(call.daemon, EmailRead(asked.mailbox, parameters.email_id(asked.id)))
    to = answers.author(original)
    if not to:
        raise ToolError(f"Email '{asked.id}' names no address that could be answered; use email_send")
    parent = answers.parent(original)
    draft = Draft(
        from_=sender,
        to=to,
        cc=answers.copied(original, asked.reply_all, recipients("Cc", asked.cc), (*to, sender)),
        subject=answers.subject(original),
        body=fields.text_of("body", asked.body),
        date=time.time(),
        message_id=fields.new_message_id(sender.address.domain),
        in_reply_to="".join(parent),
        references=answers.chain(original) if parent else (),
    )
    return await hand_over(call, draft, asked)


def refuse_both(asked: Letter | Answer) -> None:
    """Raises: ToolError. HTML that is empty was given all the same (reference section 3.4)."""
    if asked.text_only and asked.html_body is not UNSET:
        raise ToolError(submit.exclusive())


async def author(call: Call, mailbox: str, verb: str) -> NamedAddress:
    """The address that a mailbox sends under. Raises: ToolError."""
    shown = await call.daemon.value(MailboxShow(mailbox))
    if shown["catchall"]:
        raise ToolError(
            f"Cannot {verb} from '{mailbox}': catchall mailbox has no valid sender address. Use a named mailbox."
        )
    local, _, domain = shown["address"].rpartition("@")
    return NamedAddress("", Address(local, domain))


def recipients(header: str, given: list[str] | str) -> tuple[NamedAddress, ...]:
    """The addresses that were given. Raises: Refused."""
    texts = parameters.texts(given)
    fields.one_line(header, texts)
    return fields.addresses(header, texts)


async def _chain(call: Call, mailbox: str, parent: str) -> tuple[str, ...]:
    """The References of an answer (RFC 5322 section 3.6.4): the parent's and the parent, where it is stored."""
    if not any(character.isalnum() for character in parent):  # nothing that could be searched for
        return (parent,)
    found = await call.daemon.value(EmailList(mailbox, "all", text=parent))
    row = next((row for row in found["emails"] if parent in answers.ids(row["message_id"])), None)
    if row is None:
        return (parent,)
    original = await reading.fields(call.daemon, EmailRead(mailbox, row["id"], row["folder"]))
    return answers.shortened((*answers.ids(answers.text_of(original, "references")), parent))


async def hand_over(call: Call, draft: Draft, asked: Letter | Answer | Passed) -> Told:
    """Hand it over and tell what became of it. Raises: ToolError, Refused, DaemonUnavailable."""
    html, paths = None, []
    if not isinstance(asked, Passed):
        html = None if isinstance(asked.html_body, UnsetType) else asked.html_body
        paths = asked.attachments
    to = ", ".join(str(named.address) for named in draft.to)
    if isinstance(asked, Letter) and isinstance(asked.to, str):
        to = asked.to  # as it was given

    def compose() -> Send:
        complete = draft._replace(attachments=(*draft.attachments, *attachments.collect(paths)))
        return submit.request(complete, asked.text_only, html, "html_body", key=asked.idempotency_key or None)

    request = await trio.to_thread.run_sync(compose, limiter=_THREADS)
    try:
        response = await call.daemon.ask(request, limits.CLIENT_REPLY_S)
    except (DaemonSilent, WireError) as error:
        raise ToolError(f"DELIVERY: {verdict.UNKNOWN}: {told(error)}; {_LOOK}") from None
    if response.kind == "error":
        why = refused(response)
        if response.code == WireCode.ECONFLICT:
            raise ToolError(f"{why}; {_OTHER}")
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
