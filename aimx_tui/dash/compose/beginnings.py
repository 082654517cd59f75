"""How a letter begins: empty, or as an answer to a mail, or as a mail that is sent on. Sends nothing.

A stranger's text is quoted as text: without control characters and what nobody can see, and never more than is quick.
"""

from typing import Any

from aimx import limits
from aimx.drafting import answers, forwards
from aimx.errors import DaemonRefused, Refused
from aimx.mime import clean
from aimx.model.address import Address, NamedAddress, folded
from aimx_tui.dash.compose import taken
from aimx_tui.dash.compose.letter import Kind, Letter, Taken
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.mail import reading
from aimx_tui.dash.mail.reading import Message
from aimx_tui.dash.state import Mail, Mailbox

_TRIES = 3  # of reading a mail that is changed meanwhile


def senders(mailboxes: tuple[Mailbox, ...]) -> list[str]:
    """The addresses that may send: the catchall only receives, and a directory without a mailbox has none."""
    return [box.address for box in mailboxes if box.registered and box.address and not box.address.startswith("*@")]


def empty(mailboxes: tuple[Mailbox, ...], name: str | None) -> Letter:
    """From the mailbox that is looked at, or from the only one there is."""
    known, own = senders(mailboxes), next((box.address for box in mailboxes if box.name == name), "")
    return Letter(from_=own if own in known else known[0] if len(known) == 1 else "")


async def about(gateway: Gateway, kind: Kind, mail: Mail, mailboxes: tuple[Mailbox, ...]) -> Letter:
    """An answer to it, or itself for somebody else. Raises: what the gateway raises; Refused."""
    message = await _enough(gateway, mail)
    if message.fields is None:
        raise Refused("its frontmatter cannot be read, so nobody knows whom to answer")
    original, text = message.fields, clean.bare(message.body)
    if message.next is not None or len(text) > limits.TUI_QUOTE_CHARACTERS:
        text = forwards.cut(text[: limits.TUI_QUOTE_CHARACTERS])
    letter = empty(mailboxes, mail.mailbox)._replace(kind=kind, of=mail.key)
    if kind == "forward":
        return await _forward(gateway, letter, message, text)
    return _answer(letter, original, text, mail.folder == "sent")


def _answer(letter: Letter, original: dict[str, Any], text: str, own: bool) -> Letter:
    """`own`: it was sent from here, and who answers it writes to the same people again."""
    to = answers.listed(answers.to_of(original)) if own else answers.author(original)
    if not to:
        raise Refused("it names no address that could be answered; c writes a new letter")
    parent = answers.parent(original)
    cc = answers.copied(original, letter.kind == "all", (), (*to, *_named(letter.from_)))
    return letter._replace(
        to=_list(to),
        cc=_list(cc),
        subject=answers.subject(original),
        body=f"\n\n{_said(original)}\n\n{answers.quoted(text)}\n",
        in_reply_to="".join(parent),
        references=answers.chain(original) if parent else (),
    )


async def _forward(gateway: Gateway, letter: Letter, message: Message, text: str) -> Letter:
    assert message.fields is not None
    found = []
    for file in forwards.files(message.fields):
        one = Taken(message.mailbox, message.folder, message.id, file.path, file.filename, file.content_type)
        try:
            found.append(one._replace(size=await taken.size(gateway, one)))
        except DaemonRefused as error:
            raise Refused(f"its attachment {clean.one_line(file.filename)} cannot be read: {error.reason}") from None
    return letter._replace(
        subject=forwards.subject(message.fields),
        body=f"\n\n{forwards.body('', message.fields, text, plain=False)}",
        references=answers.chain(message.fields),
        taken=tuple(found),
    )


def _said(original: dict[str, Any]) -> str:
    """Who wrote what follows, and when. Header text that is no Markdown."""
    date, author = (answers.escaped(clean.one_line(answers.text_of(original, key))) for key in ("date", "from"))
    return f"On {date}, {author} wrote:" if date else f"{author} wrote:"


def _named(address: str) -> tuple[NamedAddress, ...]:
    local, _, domain = address.rpartition("@")
    return (NamedAddress("", Address(local, folded(domain))),) if local else ()


def _list(named: tuple[NamedAddress, ...]) -> str:
    return ", ".join(str(one.address) for one in named)


async def _enough(gateway: Gateway, mail: Mail) -> Message:
    """As much of it as is quoted. Raises: what the gateway raises; reading.Changed when it never stays the same."""
    for _ in range(_TRIES - 1):
        try:
            return await _begun(gateway, mail)
        except reading.Changed:
            continue
    return await _begun(gateway, mail)


async def _begun(gateway: Gateway, mail: Mail) -> Message:
    message = await reading.begin(gateway, mail.mailbox, mail.folder, mail.id)
    while message.next is not None and len(message.body) <= limits.TUI_QUOTE_CHARACTERS:
        message = await reading.more(gateway, message)
    return message
