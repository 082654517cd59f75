"""The table of verbs, row by row: what a client writes, what else is accepted, what each header refuses."""

import pytest

from aimx import limits
from aimx.errors import DISPOSITIONS, InvalidBody, WireCode, WireError
from aimx.wire import codec, frames
from aimx.wire.frames import (
    AttachmentRead,
    EmailList,
    EmailRead,
    EmailSearch,
    HookCreate,
    HookDelete,
    HookExplain,
    HookList,
    HookRuns,
    HookTest,
    Ingest,
    MailboxCreate,
    MailboxDelete,
    MailboxList,
    MailboxShow,
    MarkRead,
    MarkUnread,
    Reindex,
    Send,
    Status,
    Thread,
    Version,
    Watch,
)
from tests.wire.feed import outcome, parse

STEPS = [1, 3, 10_000]

# Octets as the reference's client writes them (operator section 1.11); `send-from-a-hook` and what follows it is ours.
WRITTEN = {
    "send": (Send(b"abc"), b"AIMX/1 SEND\nContent-Length: 3\n\nabc"),
    "send-text": (Send(b"abc", text_only=True), b"AIMX/1 SEND\nText-Only: true\nContent-Length: 3\n\nabc"),
    "send-html": (Send(b"ab", html=b"<p>"), b"AIMX/1 SEND\nContent-Length: 2\nHtml-Body-Length: 3\n\nab<p>"),
    "send-html-empty": (Send(b"ab", html=b""), b"AIMX/1 SEND\nContent-Length: 2\nHtml-Body-Length: 0\n\nab"),
    "send-nothing": (Send(b""), b"AIMX/1 SEND\nContent-Length: 0\n\n"),
    "mark-read": (MarkRead("ops", "x-1"), b"AIMX/1 MARK-READ\nMailbox: ops\nId: x-1\nContent-Length: 0\n\n"),
    "mark-unread": (MarkUnread("ops", "x-1"), b"AIMX/1 MARK-UNREAD\nMailbox: ops\nId: x-1\nContent-Length: 0\n\n"),
    "create": (MailboxCreate("ops"), b"AIMX/1 MAILBOX-CREATE\nName: ops\nContent-Length: 0\n\n"),
    "create-owner": (
        MailboxCreate("ops", "ann"),
        b"AIMX/1 MAILBOX-CREATE\nName: ops\nOwner: ann\nContent-Length: 0\n\n",
    ),
    "delete": (MailboxDelete("ops"), b"AIMX/1 MAILBOX-DELETE\nName: ops\nContent-Length: 0\n\n"),
    "delete-force": (
        MailboxDelete("ops", force=True),
        b"AIMX/1 MAILBOX-DELETE\nName: ops\nForce: true\nContent-Length: 0\n\n",
    ),
    "mailboxes": (MailboxList(), b"AIMX/1 MAILBOX-LIST\n\n"),
    "hook": (
        HookCreate("ops", "on_receive", b"{}"),
        b"AIMX/1 HOOK-CREATE\nMailbox: ops\nEvent: on_receive\nContent-Length: 2\n\n{}",
    ),
    "hook-named": (
        HookCreate("ops", "after_send", b"{}", "notify"),
        b"AIMX/1 HOOK-CREATE\nMailbox: ops\nEvent: after_send\nName: notify\nContent-Length: 2\n\n{}",
    ),
    "hook-delete": (HookDelete("notify"), b"AIMX/1 HOOK-DELETE\nHook-Name: notify\nContent-Length: 0\n\n"),
    "hooks": (HookList(), b"AIMX/1 HOOK-LIST\n\n"),
    "version": (Version(), b"AIMX/1 VERSION\n\n"),
    "send-from-a-hook": (
        Send(b"a", hook_job="t0k"),
        b"AIMX/1 SEND\nContent-Length: 1\nHook-Job: t0k\n\na",
    ),
    "send-dry": (Send(b"a", dry_run=True), b"AIMX/1 SEND\nContent-Length: 1\nDry-Run: true\n\na"),
    "send-all": (
        Send(b"a", html=b"b", hook_job="t", dry_run=True),
        b"AIMX/1 SEND\nContent-Length: 1\nHtml-Body-Length: 1\nHook-Job: t\nDry-Run: true\n\nab",
    ),
    "ingest": (Ingest("a@b", b"xyz"), b"AIMX/1 INGEST\nRcpt: a@b\nContent-Length: 3\n\nxyz"),
    "list": (EmailList(), b"AIMX/1 EMAIL-LIST\nContent-Length: 0\n\n"),
    "list-all": (
        EmailList("ops", "all", 5, 10, "c", False, True, "a", "b", "s", "2026-01-01", "2026-02-01", "t", "x y"),
        b"AIMX/1 EMAIL-LIST\nMailbox: ops\nFolder: all\nLimit: 5\nOffset: 10\nCursor: c\nUnread: false\n"
        b"Has-Attachment: true\nFrom: a\nTo: b\nSubject: s\nSince: 2026-01-01\nBefore: 2026-02-01\nThread: t\n"
        b"Text: x y\nContent-Length: 0\n\n",
    ),
    "search": (
        EmailSearch("from:a -b", unread=True),
        b"AIMX/1 EMAIL-SEARCH\nQuery: from:a -b\nUnread: true\nContent-Length: 0\n\n",
    ),
    "email": (EmailRead("ops", "x-1"), b"AIMX/1 EMAIL-READ\nMailbox: ops\nId: x-1\nContent-Length: 0\n\n"),
    "email-piece": (
        EmailRead("ops", "x-1", "sent", 0, 9),
        b"AIMX/1 EMAIL-READ\nMailbox: ops\nId: x-1\nFolder: sent\nOffset: 0\nMax-Octets: 9\nContent-Length: 0\n\n",
    ),
    "attachment": (
        AttachmentRead("ops", "x-1", "a b.txt", "sent", 0, 9),
        b"AIMX/1 ATTACHMENT-READ\nMailbox: ops\nId: x-1\nName: a b.txt\nFolder: sent\nOffset: 0\nMax-Octets: 9\n"
        b"Content-Length: 0\n\n",
    ),
    "thread": (
        Thread("ops", "x-1", "sent"),
        b"AIMX/1 THREAD\nMailbox: ops\nId: x-1\nFolder: sent\nContent-Length: 0\n\n",
    ),
    "mailbox": (MailboxShow("ops"), b"AIMX/1 MAILBOX-SHOW\nName: ops\nContent-Length: 0\n\n"),
    "runs": (
        HookRuns("ops", "notify", "x-1", 5),
        b"AIMX/1 HOOK-RUNS\nMailbox: ops\nHook-Name: notify\nId: x-1\nLimit: 5\nContent-Length: 0\n\n",
    ),
    "explain": (HookExplain("n", "x"), b"AIMX/1 HOOK-EXPLAIN\nHook-Name: n\nId: x\nContent-Length: 0\n\n"),
    "test": (HookTest("n"), b"AIMX/1 HOOK-TEST\nHook-Name: n\nContent-Length: 0\n\n"),
    "status": (Status(), b"AIMX/1 STATUS\nContent-Length: 0\n\n"),
    "watch": (Watch("e-1", "ops"), b"AIMX/1 WATCH\nAfter: e-1\nMailbox: ops\nContent-Length: 0\n\n"),
    "reindex": (Reindex(), b"AIMX/1 REINDEX\nContent-Length: 0\n\n"),
    "ingest-nothing": (Ingest("a@b", b""), b"AIMX/1 INGEST\nRcpt: a@b\nContent-Length: 0\n\n"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("frame", "octets"), WRITTEN.values(), ids=WRITTEN)
def test_a_client_writes_what_the_daemon_reads(frame, octets, step):
    assert codec.encode_request(frame) == octets
    assert outcome(octets, step) == (type(frame), frame)


def test_every_verb_is_in_the_table_of_octets():
    assert {type(frame) for frame, _ in WRITTEN.values()} == set(frames.BY_FRAME)


MARK, CREATE, DELETE = b"AIMX/1 MARK-READ\n", b"AIMX/1 MAILBOX-CREATE\n", b"AIMX/1 MAILBOX-DELETE\n"
HOOK, HOOK_DELETE, SEND = b"AIMX/1 HOOK-CREATE\n", b"AIMX/1 HOOK-DELETE\n", b"AIMX/1 SEND\n"


def with_json(text: str, headers: bytes = b"") -> bytes:
    body = text.encode()
    return CREATE + headers + b"Content-Length: %d\n\n%b" % (len(body), body)


ACCEPTED = {
    "mark-without-length": (MARK + b"Id: x\nMailbox: ops\n\n", MarkRead("ops", "x")),
    "mark-length-spelled": (MARK + b"Id: x\nMailbox: ops\nContent-Length: +00\n\n", MarkRead("ops", "x")),
    "mark-unknown-header": (MARK + b"Id: x\nX-Folder: sent\nMailbox: ops\n\n", MarkRead("ops", "x")),
    "create-without-length": (CREATE + b"Name: ops\n\n", MailboxCreate("ops")),
    "create-owner-dollar": (CREATE + b"Name: ops\nOwner: _a-9$\n\n", MailboxCreate("ops", "_a-9$")),
    "create-owner-32": (CREATE + b"Name: o\nOwner: " + b"a" * 32 + b"\n\n", MailboxCreate("o", "a" * 32)),
    "create-json": (with_json('{"name": "ops"}'), MailboxCreate("ops")),
    "create-json-owner": (with_json('{"owner": "ann", "name": " ops "}'), MailboxCreate("ops", "ann")),
    "create-json-null": (with_json('{"name": "ops", "owner": null}'), MailboxCreate("ops")),
    "create-json-and-header": (with_json('{"owner": "ann"}', b"Name: ops\n"), MailboxCreate("ops", "ann")),
    "create-json-twice-the-same": (with_json('{"name": "ops"}', b"Name: ops\n"), MailboxCreate("ops")),
    "delete-force-case": (DELETE + b"Name: o\nFORCE: True\n\n", MailboxDelete("o", force=True)),
    "delete-no-force": (DELETE + b"Name: o\nForce: false\n\n", MailboxDelete("o")),
    "delete-owner-ignored": (DELETE + b"Name: o\nOwner: ann\n\n", MailboxDelete("o")),
    "hook-event-is-not-judged-here": (
        HOOK + b"Event: x\nMailbox: o\nContent-Length: 0\n\n",
        HookCreate("o", "x", b""),
    ),
    "hook-delete-without-length": (HOOK_DELETE + b"Hook-Name: n\n\n", HookDelete("n")),
    "send-html-first": (SEND + b"Html-Body-Length: 2\nContent-Length: 3\n\nabcde", Send(b"abc", html=b"de")),
    "send-flag-case": (SEND + b"Text-Only: tRuE\nContent-Length: 0\n\n", Send(b"", text_only=True)),
    "send-flag-false": (
        SEND + b"Text-Only: FALSE\nHtml-Body-Length: 1\nContent-Length: 0\n\nx",
        Send(b"", html=b"x"),
    ),
    "send-from-mailbox-is-unknown": (SEND + b"From-Mailbox: bob\nContent-Length: 1\n\nx", Send(b"x")),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("octets", "frame"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_else_is_accepted(octets, frame, step):
    assert outcome(octets, step) == (type(frame), frame)


OWNER_RULE = "(must match [a-z_][a-z0-9_-]*[$]?)"
EXCLUSIVE = "AIMX/1 SEND: --text-only and --html-body are mutually exclusive"
REFUSED = {
    "mark-length": (MARK + b"Mailbox: o\nId: x\nContent-Length: 3\n\n", "MARK verb must have Content-Length: 0, got 3"),
    "mark-folder": (
        MARK + b"Folder: sent\n",
        "Folder header is not allowed on MARK verbs; they act on the inbox",
    ),
    "mark-missing-first": (MARK + b"Content-Length: 3\n\n", "missing required header: Mailbox"),
    "mark-cr-inside": (MARK + b"Mailbox: o\rId: x\n", "control character in Mailbox value"),
    "create-force": (CREATE + b"Force: true\n", "Force header is only valid on MAILBOX-DELETE"),
    "create-owner-shape": (CREATE + b"Owner: Ann\n", f'invalid Owner value: "Ann" {OWNER_RULE}'),
    "create-owner-other-letters": (CREATE + "Owner: aé\n".encode(), f'invalid Owner value: "aé" {OWNER_RULE}'),
    "create-owner-long": (CREATE + b"Owner: " + b"a" * 33 + b"\n", f'invalid Owner value: "{"a" * 33}" {OWNER_RULE}'),
    "create-empty-in-json": (with_json('{"name": " "}'), "empty Name value"),
    "create-owner-in-json": (with_json('{"name": "a", "owner": "0"}'), f'invalid Owner value: "0" {OWNER_RULE}'),
    "create-line-break-in-json": (with_json(r'{"name": "a\nOwner: root"}'), "control character in Name value"),
    "create-json-truncated": (CREATE + b"Content-Length: 9\n\n{", "body truncated: expected 9 bytes"),
    "delete-length": (DELETE + b"Name: o\nContent-Length: 1\n\n", "MAILBOX verb must have Content-Length: 0, got 1"),
    "delete-force": (DELETE + b"Force: 1\n", "invalid Force value: \"1\" (expected 'true' or 'false')"),
    "delete-force-empty": (DELETE + b"Force:\n", "invalid Force value: \"\" (expected 'true' or 'false')"),
    "hook-delete-length": (
        HOOK_DELETE + b"Hook-Name: n\nContent-Length: 1\n\n",
        "HOOK-DELETE must have Content-Length: 0, got 1",
    ),
    "hook-short": (
        HOOK + b"Mailbox: o\nEvent: x\nContent-Length: 3\n\n{}",
        "body truncated: expected 3 bytes",
    ),
    "send-text-only": (SEND + b"Text-Only: yes\n", "invalid Text-Only value: \"yes\" (expected 'true' or 'false')"),
    "send-exclusive": (SEND + b"Text-Only: true\nContent-Length: 0\nHtml-Body-Length: 0\n\n", EXCLUSIVE),
    "send-html-only": (SEND + b"Html-Body-Length: 1\n\nx", "missing required header: Content-Length"),
    "send-short": (
        SEND + b"Content-Length: 3\nHtml-Body-Length: 3\n\nab",
        "body truncated: expected 3 bytes",
    ),
    "send-html-short": (
        SEND + b"Content-Length: 1\nHtml-Body-Length: 3\n\nabc",
        "html body truncated: expected 3 bytes after main body",
    ),
    "send-hook-job-empty": (SEND + b"Hook-Job:\n", "empty Hook-Job value"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("octets", "text"), REFUSED.values(), ids=REFUSED)
def test_what_a_verb_refuses(octets, text, step):
    with pytest.raises(WireError) as caught:
        parse(octets, step)
    assert caught.value.reason == text
    assert not isinstance(caught.value, InvalidBody)


LONG = "a" * limits.HEADER_LINE_OCTETS
BODIES = {
    "no-json": ("name=ops", "JSON is malformed"),
    "not-an-object": ('["ops"]', "Expected `object`, got `array`"),
    "a-number": ('{"name": 1}', "Expected `str | null`, got `int`"),
    "two": ('{"name": "a"} {}', "trailing characters"),
    "unknown": ('{"name": "a", "trust": "none"}', 'unknown field "trust"'),
    "force": ('{"name": "a", "force": "true"}', 'unknown field "force"'),
    "nameless": ("{}", 'missing field "name"'),
    "null": ('{"name": null}', 'missing field "name"'),
    "longer-than-any-header": (f'{{"name": "{LONG}"}}', "name exceeds 8192 bytes"),
    "nested": ('{"name":' + "[" * 100_000, "Expected `str | null`, got `array`"),
    "half-a-surrogate": (r'{"name": "\ud800xxxxxxx"}', "JSON is malformed"),
}


@pytest.mark.parametrize(("text", "why"), BODIES.values(), ids=BODIES)
def test_a_json_body_that_is_none_is_a_protocol_error(text, why):
    with pytest.raises(InvalidBody) as caught:
        parse(with_json(text))
    assert caught.value.reason.startswith("invalid MAILBOX-CREATE body: ")
    assert why in caught.value.reason
    assert DISPOSITIONS[InvalidBody].code == WireCode.PROTOCOL


def test_a_json_body_that_is_no_text_is_a_protocol_error():
    with pytest.raises(InvalidBody):
        parse(CREATE + b'Content-Length: 12\n\n{"name":"\xff"}')


def test_a_json_body_cannot_contradict_a_header():
    with pytest.raises(InvalidBody, match="name differs from the Name header"):
        parse(with_json('{"name": "b"}', b"Name: a\n"))


HEADERS = [(shape, header) for shape in frames.SHAPES for header in shape.headers]
GOOD = {"text": b"x", "owner": b"x", "flag": b"true", "choice": b"true"}


def of_table(row) -> str:
    return f"{row[0].verb}-{row[1].name}"


def line(header: frames.Header, value: bytes = b"") -> bytes:
    return header.name.encode() + b": " + (value or GOOD.get(header.reading, b"0")) + b"\n"


@pytest.mark.parametrize(("shape", "header"), HEADERS, ids=map(of_table, HEADERS))
def test_every_known_header_counts_once_in_any_case(shape, header):
    first = f"AIMX/1 {shape.verb}\n".encode() + line(header)
    with pytest.raises(WireError, match=f"^duplicate {header.name} header$"):
        parse(first + line(header).upper())


@pytest.mark.parametrize(("shape", "header"), HEADERS, ids=map(of_table, HEADERS))
def test_every_known_header_refuses_what_it_cannot_be(shape, header):
    start = f"AIMX/1 {shape.verb}\n{header.name}:".encode()
    refused = {
        "text": [(b"", f"empty {header.name} value"), (b"a\0b", f"control character in {header.name} value")],
        "owner": [(b"", f"empty {header.name} value"), (b"a b", f'invalid {header.name} value: "a b" {OWNER_RULE}')],
        "flag": [(b"1", f"invalid {header.name} value: \"1\" (expected 'true' or 'false')")],
        "number": [
            (text.encode(), f'non-integer {header.name}: "{text}"') for text in ("1.5", "-1", "9007199254740993")
        ],
    }
    refused["choice"] = refused["flag"]
    length = [
        (b"1.5", f'non-integer {header.name}: "1.5"'),
        (b"++1", f'non-integer {header.name}: "++1"'),
        (b"26214401", f"{header.name} 26214401 exceeds cap 26214400"),
    ]
    for value, text in refused.get(header.reading, length):
        with pytest.raises(WireError) as caught:
            parse(start + value + b"\n")
        assert caught.value.reason == text


REQUIRED = [row for row in HEADERS if row[1].required]


@pytest.mark.parametrize(("shape", "header"), REQUIRED, ids=map(of_table, REQUIRED))
def test_every_required_header_is_missed(shape, header):
    others = b"".join(
        line(other) for other in shape.headers if other != header and other.reading not in ("flag", "choice")
    )
    with pytest.raises(WireError, match=f"^missing required header: {header.name}$"):
        parse(f"AIMX/1 {shape.verb}\n".encode() + others + b"\n")


@pytest.mark.parametrize("shape", [shape for shape in frames.SHAPES if shape.bare], ids=lambda shape: shape.verb)
def test_a_bare_verb_takes_no_header_at_all(shape):
    with pytest.raises(WireError) as caught:
        parse(f"AIMX/1 {shape.verb}\nX: 1\n".encode())
    assert caught.value.reason == f'{shape.verb} takes no headers, got "X: 1"'


UNSENT = {
    "empty": (Ingest("", b""), "Rcpt cannot be framed"),
    "line-feed": (Ingest("a\nContent-Length: 0", b""), "Rcpt cannot be framed"),
    "return": (Ingest("a\rb", b""), "Rcpt cannot be framed"),
    "nul": (MarkRead("a", "b\0c"), "Id cannot be framed"),
    "blank-before": (MailboxCreate(" a"), "Name cannot be framed"),
    "blank-after": (MailboxCreate("a "), "Name cannot be framed"),
    "no-text": (HookDelete("a\udcffb"), "Hook-Name is not UTF-8"),
    "too-long": (MarkRead("a" * 8184, "b"), "Mailbox exceeds 8192 bytes"),
    "both-bodies-ways": (Send(b"", html=b"", text_only=True), EXCLUSIVE),
}


@pytest.mark.parametrize(("frame", "text"), UNSENT.values(), ids=UNSENT)
def test_what_cannot_be_framed_is_not_sent(frame, text):
    with pytest.raises(WireError, match=text):
        codec.encode_request(frame)


@pytest.mark.parametrize("shape", frames.SHAPES, ids=lambda shape: shape.verb)
def test_what_a_request_will_be_is_known_before_its_bodies(shape):
    parser = codec.RequestParser()
    readings = {"body": b"9", "text": b"x"}
    required = b"".join(line(header, readings[header.reading]) for header in shape.headers if header.required)
    parser.feed(f"AIMX/1 {shape.verb}\n".encode() + required)
    assert parser.next_request() is None
    assert parser.announced is None
    parser.feed(b"\n")
    request = parser.next_request()
    assert parser.announced is shape.frame
    assert (request is None) == any(header.required and header.reading == "body" for header in shape.headers)
