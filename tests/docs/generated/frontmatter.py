"""book/frontmatter.md: every field of a message file, made by writing files with all of them and with few."""

import tomllib

from aimx.mime import frontmatter, outbound, unexamined
from aimx.model.authres import AuthResults
from aimx.model.config import Mailbox
from aimx.model.envelope import Envelope
from aimx.model.message import Attachment, Examined, Headers
from aimx.model.outbound import Composed, Record
from aimx.store import document as inbound
from aimx.store import sent
from tests.docs.generated.markup import code, document, table

HEAD = """\
# Every field of a message file

Made by writing such files: one with every field, one with none that can be missing. What the fields mean: [the message
file](mailboxes-and-email.md#the-message-file) and [sent records](mailboxes-and-email.md#sent-records).
"""
_HEADERS = Headers(
    from_="Ann <ann@example.org>", to="support@agent.example.com", cc="bob@example.com", reply_to="desk@example.org",
    subject="Quarterly report", date="2026-01-31T12:59:58+01:00", message_id="abc123@example.org",
    in_reply_to="0f1e2d3c@agent.example.com", references="root@example.org 0f1e2d3c@agent.example.com",
    list_id="reports.example.org", auto_submitted="auto-generated", thread_id="4b1c5e0a9d2f7788",
    author="ann@example.org", from_problem="", automated=True,
    to_all="support@agent.example.com, ops@agent.example.com",
)  # fmt: skip
_FILE = (Attachment("report.pdf", "application/pdf", b"%PDF"),)
_AT = 1_769_860_800.0  # 2026-01-31 12:00:00
_ID = "2026-01-31-120000-quarterly-report"
_KINDS = {str: "string", int: "integer", bool: "boolean", list: "array of strings"}


def full() -> bytes:
    """A received message with every field."""
    auth = AuthResults("pass", "none", "pass", detail="spf=temperror")
    message = Examined(_HEADERS, "Hello.\n", _FILE, auth, 18342, examined=False)
    envelope = Envelope("ann@example.org", (), "192.0.2.1", "mail.example.org", _AT)
    mailbox = Mailbox("support", "support@agent.example.com", "alice", trust="verified")
    octets = inbound.inbound(
        message, envelope, "support@agent.example.com", mailbox, ("true", "aligned-dkim:example.org")
    )
    return inbound.with_id(octets, _ID)


def least() -> bytes:
    """A received message of which nothing is known."""
    message = unexamined.unexamined(b"", _AT)
    shown = Examined(message.headers, message.body, (), message.auth, 0)
    return inbound.inbound(shown, Envelope("", (), None, "", _AT), "", Mailbox("support", "", "alice"), ("none", ""))


def _letter(text: str, attachments: tuple[Attachment, ...]) -> sent.Letter:
    octets = text.encode()
    submission = outbound.read(octets, "0f1e2d3c@agent.example.com", _AT)
    composed = Composed(octets, b"", b"", "markdown", "Hello.\n", attachments)
    return sent.Letter(Mailbox("support", "support@agent.example.com", "alice"), submission, composed, 2048)


def sent_full() -> bytes:
    """A record with every field that there can be."""
    text = (
        "From: Support <support@agent.example.com>\r\nTo: ann@example.org\r\nCc: bob@example.com\r\n"
        "Bcc: archive@agent.example.com\r\nReply-To: desk@agent.example.com\r\nSubject: Re: Quarterly report\r\n"
        "In-Reply-To: <abc123@example.org>\r\nReferences: <root@example.org> <abc123@example.org>\r\n"
        "List-Id: <reports.agent.example.com>\r\nAuto-Submitted: auto-replied\r\n\r\n"
    )
    record = Record("delivered", _AT, "ann@example.org delivered: 250 2.0.0 queued")
    head = sent.head(_letter(text, _FILE), record)
    return inbound.with_id(head + b"Hello.\n", "2026-01-31-120000-re-quarterly-report")


def sent_least() -> bytes:
    """A record of a letter that says as little as it may, on its way."""
    return sent.head(_letter("From: support@agent.example.com\r\nTo: ann@example.org\r\n\r\n", ()), Record("pending"))


def fields(octets: bytes) -> dict[str, object]:
    """The fields of a file, read by TOML alone."""
    return tomllib.loads(octets.decode().split("+++\n")[1])


def page() -> str:
    """The whole page."""
    return document(
        HEAD,
        _section("Received", full(), least()),
        _section("Sent", sent_full(), sent_least()),
        _attachments(),
        [
            "## Files",
            "",
            "A received message with every field, as no single one has them, in the order in which they are written:",
            "",
        ],
        ["```text", *full().decode().rstrip("\n").split("\n"), "```", "", "And a record:", ""],
        ["```text", *sent_full().decode().rstrip("\n").split("\n"), "```", ""],
    )


def _section(title: str, everything: bytes, little: bytes) -> list[str]:
    always = fields(little)
    rows = [
        [code(key), _KINDS[type(value)], "always" if key in always else "if any"]
        for key, value in fields(everything).items()
        if key != "attachments"
    ]
    return [f"## {title}", "", *table(["field", "type", "present"], rows)]


def _attachments() -> list[str]:
    (found,) = frontmatter.attachment_tables(_FILE)
    rows = [[code(key), _KINDS[type(value)], "always"] for key, value in found]
    intro = "Each file that came with the message is a table `[[attachments]]` behind all other fields."
    return ["## Attachments", "", intro, "", *table(["field", "type", "present"], rows)]
