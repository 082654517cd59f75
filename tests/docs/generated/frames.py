"""book/frames.md: every request of AIMX/1 with its headers, made from the table that the codec reads."""

import re

from aimx.wire import codec, frames
from aimx.wire.frames import Header, Shape
from tests.docs import pages
from tests.docs.generated.markup import code, document, sentence, table
from tests.docs.pages import ROOT

HEAD = """\
# Every request of AIMX/1

Made from the table that daemon and client read requests with. How they are framed, what the answers hold and who may
ask: [the socket](socket.md). The request below each verb is what `aimx` itself writes.
"""
_READINGS = {
    "text": "text, not empty",
    "flag": "`true` or `false`; `false` when left out",
    "choice": "`true` or `false`; no matter which when left out",
    "number": "integer without sign",
    "owner": "name of a user",
    "body": "octets that follow after the empty line",
    "json": "0, or the length of a JSON object that stands for the headers",
    "empty": "0",
}
_ANSWERS = {
    "id": "`AIMX/1 OK` and the Message-ID",
    "ack": "`AIMX/1 OK`",
    "json": "`AIMX/1 OK` and a JSON body",
    "stream": "`AIMX/1 OK` and lines of JSON until the end of input",
}
_EXAMPLES = {
    frames.Send: frames.Send(b"From: support@agent.example.com\nTo: bob@example.com\nSubject: Hello\n\nHi!\n"),
    frames.MarkRead: frames.MarkRead("support", "2026-01-31-120000-hello"),
    frames.MarkUnread: frames.MarkUnread("support", "2026-01-31-120000-hello"),
    frames.MailboxCreate: frames.MailboxCreate("support"),
    frames.MailboxDelete: frames.MailboxDelete("support", force=True),
    frames.HookCreate: frames.HookCreate("support", "on_receive", b'{"cmd":["/bin/true"]}', "note", "json"),
    frames.HookDelete: frames.HookDelete("note"),
    frames.Ingest: frames.Ingest("support@agent.example.com", b"From: a@example.org\nSubject: Hello\n\nHi!\n"),
    frames.EmailList: frames.EmailList("support", limit=20, unread=True),
    frames.EmailSearch: frames.EmailSearch("from:bob invoice", folder="all"),
    frames.EmailRead: frames.EmailRead("support", "2026-01-31-120000-hello"),
    frames.AttachmentRead: frames.AttachmentRead("support", "2026-01-31-120000-hello", "report.pdf"),
    frames.Thread: frames.Thread("support", "2026-01-31-120000-hello"),
    frames.MailboxShow: frames.MailboxShow("support"),
    frames.HookRuns: frames.HookRuns(hook="note", limit=10),
    frames.HookExplain: frames.HookExplain("note", "2026-01-31-120000-hello"),
    frames.HookTest: frames.HookTest("note"),
    frames.Watch: frames.Watch("1f2e3d4c5b6a7988-42"),
}


def page() -> str:
    """The whole page."""
    who = {row[0].strip("`"): row[3] for row in pages.rows(ROOT / "book" / "socket.md", "## Verbs")}
    return document(HEAD, *(_section(shape, who[shape.verb]) for shape in frames.SHAPES))


def _section(shape: Shape, who: str) -> list[str]:
    lines = [f"## `{shape.verb}`", "", _told(shape), ""]
    if shape.bare:
        lines += ["Takes no header at all.", ""]
    elif shape.headers:
        rows = [[f"`{header.name}`", _READINGS[header.reading], _needed(header)] for header in shape.headers]
        lines += table(["header", "value", ""], rows)
    lines += [f"Refused with `{name}`: {code(text)}." for name, text in shape.refused] + [""] * bool(shape.refused)
    if shape.exclusive:
        lines += [f"Refused together: {code(shape.exclusive[2])}.", ""]
    lines += [f"Answer: {', or '.join(_ANSWERS[answer] for answer in shape.answers)}. Who may: {who}.", ""]
    request = codec.encode_request(_EXAMPLES.get(shape.frame) or shape.frame())
    return [*lines, "```text", *request.decode().removesuffix("\n").split("\n"), "```", ""]


def _told(shape: Shape) -> str:
    """What the frame's docstring says, in the words of the wire."""
    doc = sentence(shape.frame.__doc__)
    names = {header.attribute: header.name for header in shape.headers if header.attribute}
    doc = re.sub(r"`(\w+)`", lambda found: f"`{names.get(found[1], found[1])}`", doc)
    return re.sub(r"\bExtension\b", "Not in the original protocol", doc)


def _needed(header: Header) -> str:
    return "required" if header.required else ""
