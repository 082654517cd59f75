"""The header block of a submission: what it says, what is refused and how, and that nothing else is signed."""

import base64

import msgspec
import pytest

from aimx import limits
from aimx.errors import MalformedMessage, Refused
from aimx.mime import compose, compose_head, outbound
from aimx.model.outbound import ComposeOrder

AT = 1_744_727_422.0
MADE = "made@agent.test"
FROM = "From: Ops <ops@agent.test>"
TO = "To: bob@remote.test"


def read(*lines: str | bytes, end: bytes = b"\r\n"):
    head = b"".join((line if isinstance(line, bytes) else line.encode()) + end for line in lines)
    return outbound.read(head + end + b"Hi\r\n", MADE, AT)


REFUSED = {
    "nothing": ((), "missing required header: From"),
    "no-from": ((TO,), "missing required header: From"),
    "two-from-fields": ((FROM, "From: bob@agent.test", TO), "duplicate header: From"),
    "from-in-other-case": ((FROM, "FROM: bob@agent.test", TO), "duplicate header: FROM"),
    "two-from-addresses": (("From: alice@agent.test, bob@agent.test", TO), "From must hold exactly one address"),
    "m8": (("From: alice@agent.test, CEO <ceo@agent.test>", TO), "From must hold exactly one address"),
    "empty-from": (("From:", TO), "could not extract sender address from From: "),
    "name-only": (("From: Ops", TO), "could not extract sender address from From: Ops"),
    "group": (("From: team: ops@agent.test;", TO), "could not extract sender address"),
    "encoded-address": (("From: =?utf-8?q?bob=40agent.test?=", TO), "could not extract sender address"),
    "encoded-angle": (("From: =?utf-8?q?=3Cbob=40agent.test=3E?= <ops@agent.test", TO), "could not extract"),
    "two-angles": (("From: <bob@agent.test> <ops@agent.test>", TO), "could not extract sender address"),
    "address-before-angle": (("From: bob@agent.test <ops@agent.test>", TO), "could not extract sender address"),
    "comment-inside": (("From: <ops(x)@agent.test>", TO), "could not extract sender address"),
    "torn-comment": (("From: ops@agent.test (x", TO), "could not extract sender address"),
    "source-route": (("From: <@relay.test:ops@agent.test>", TO), "could not extract sender address"),
    "eight-bit-address": ((b"From: ops\xff@agent.test", TO), "could not extract sender address"),
    "sender": ((FROM, "Sender: bob@agent.test", TO), "Sender must be the From address, or absent"),
    "sender-list": ((FROM, "Sender: ops@agent.test, b@agent.test", TO), "Sender must be the From address"),
    "resent-from": ((FROM, "Resent-From: bob@agent.test", TO), "Resent-From must be the From address"),
    "resent-to": ((FROM, TO, "Resent-To: eve@evil.test"), "Resent-To is not delivered to"),
    "no-to": ((FROM,), "missing required header: To"),
    "empty-to": ((FROM, "To:"), "could not extract recipient address from To"),
    "two-to": ((FROM, TO, "To: eve@remote.test"), "duplicate header: To"),
    "two-bcc": ((FROM, "Bcc: a@b.test", "Bcc: c@b.test", TO), "duplicate header: Bcc"),
    "to-without-at": ((FROM, "To: bob"), "could not extract recipient address from To: bob"),
    "one-of-many": ((FROM, "To: a@b.test, carol, c@d.test"), "could not extract recipient address from To: carol"),
    "group-with-members": ((FROM, "To: team: a@b.test;"), "could not extract recipient address from To"),
    "literal": ((FROM, "To: x@[127.0.0.1]"), "recipient address from To: x@[127.0.0.1]"),
    "number": ((FROM, "Cc: x@127.0.0.1", TO), "Cc: 127.0.0.1 is no domain that takes mail"),
    "empty-label": ((FROM, "To: x@a..test"), "could not extract recipient address from To: x@a..test"),
    "long-label": ((FROM, f"To: x@{'a' * 64}.test"), f"{'a' * 64}.test is no domain that takes mail"),
    "long-domain": ((FROM, f"To: x@{'a.' * 126}test"), "is no domain that takes mail"),
    "no-idn": ((FROM, "Bcc: x@\u2603\u0301-.test", TO), "is no domain that takes mail"),
    "long-local-part": ((FROM, f"To: {'a' * 65}@b.test"), "To: more than 64 octets before the @"),
    "too-many": ((FROM, "To: " + ", ".join(f"a{n}@b.test" for n in range(101))), "101 recipients are too many"),
    "bad-reply-to": ((FROM, TO, "Reply-To: nobody"), "could not extract address from Reply-To: nobody"),
    "message-id": ((FROM, TO, "Message-ID: <a b>"), "Message-ID: not a message id: <a b>"),
    "message-id-utf-8": ((FROM, TO, "Message-ID: <é@b>"), "Message-ID: not a message id"),
    "no-field": ((FROM, "Hello there", TO), "not a header field: Hello there"),
    "blank-before-colon": ((FROM, "Subject : x", TO), "not a header field: Subject : x"),
    "continued-nothing": ((" x", FROM, TO), "not a header field"),
    "mbox-line": (("From alice Tue Apr 15 14:30:22 2025", FROM, TO), "not a header field: From alice"),
    "lone-cr": ((FROM + "\rBcc: eve@evil.test", TO), r"not a header field: From: Ops <ops@agent.test>\rBcc"),
    "nul": ((FROM, TO, "Subject: a\0b"), r"not a header field: Subject: a\x00b"),
    "encoded-crlf": ((FROM, TO, "Subject: =?utf-8?q?hello=0d=0aBcc:_steal@evil.com?="), "Subject: control characters"),
    "encoded-nul": ((FROM, TO, "X-Note: =?utf-8?b?YQBi?="), "X-Note: control characters"),
    "fields": ((FROM, TO, *["X: y"] * 1000), "more than 1000 header fields"),
    "name-too-long": ((FROM, TO, f"{'X' * 77}: y"), "not a header field"),
}


@pytest.mark.parametrize(("lines", "reason"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"], ids=["crlf", "lf"])
def test_refused(lines, reason, end):
    with pytest.raises(MalformedMessage if "control" not in reason else Refused) as error:
        read(*lines, end=end)
    told = error.value.reason
    assert reason in told
    assert told.isprintable() and len(told) < 3 * limits.SHOWN_CHARACTERS


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"From: ops@agent.test\r\nTo: b@c.test", "no header/body separator (expected blank line)"),
        (b"", "no header/body separator"),
        (b"X: " + b"x" * 65536 + b"\r\n\r\n", "outbound request header block is too large"),
        (b"X: " + b"x" * 70000, "outbound request header block is too large"),
        (b"\r\nFrom: ops@agent.test\r\nTo: b@c.test\r\n\r\n", "missing required header: From"),
    ],
    ids=["no-end", "empty", "large", "large-without-end", "starts-with-body"],
)
def test_a_block_has_an_end(octets, reason):
    with pytest.raises(MalformedMessage, match=reason.replace("(", r"\(").replace(")", r"\)")):
        outbound.read(octets, MADE, AT)


def test_the_largest_block_is_read():
    rest = limits.SUBMITTED_HEAD_OCTETS - len(FROM) - len(TO) - 4 - len("X-Y: ")
    read(FROM, TO, "X-Y: " + "y" * rest)
    with pytest.raises(MalformedMessage, match="too large"):
        read(FROM, TO, "X-Y: " + "y" * (rest + 1))


SAYS = {
    "name": ((FROM, TO), {"from_": "Ops <ops@agent.test>", "to": "bob@remote.test"}),
    "comment": (("From: ops@agent.test (Ops)", TO), {"from_": "Ops <ops@agent.test>"}),
    "address-as-name": (
        ('From: "ceo@agent.test" <ops@agent.test>', TO),
        {"from_": '"ceo@agent.test" <ops@agent.test>'},
    ),
    "utf-8-name": (("From: Café <ops@agent.test>", TO), {"from_": "Café <ops@agent.test>"}),
    "latin-1-name": ((b"From: Caf\xe9 <ops@agent.test>", TO), {"from_": "Café <ops@agent.test>"}),
    "comma-in-name": ((FROM, 'To: "B, ob" <b@c.test>, d@e.test'), {"to": '"B, ob" <b@c.test>, d@e.test'}),
    "no-message-id": ((FROM, TO), {"message_id": MADE, "date": "2025-04-15T14:30:22Z"}),
    "message-id": ((FROM, TO, "Message-ID: <1@agent.test>"), {"message_id": "1@agent.test"}),
    "original-client-id": ((FROM, TO, "Message-ID: <1@agent.test>>"), {"message_id": "1@agent.test"}),
    "bare-reply": ((FROM, TO, "In-Reply-To: 1@b.test"), {"in_reply_to": "1@b.test"}),
    "prose-reply": ((FROM, TO, "In-Reply-To: your letter"), {"in_reply_to": ""}),
    "references": (
        (FROM, TO, "References: <1@b.test>\r\n <é@b.test>\r\n\t<2@b.test>"),
        {"references": ("1@b.test", "2@b.test")},
    ),
    "date": ((FROM, TO, "Date: Tue, 15 Apr 2025 16:30:22 +0200"), {"date": "2025-04-15T16:30:22+02:00"}),
    "no-date": ((FROM, TO, "Date: soon"), {"date": "2025-04-15T14:30:22Z"}),
    "subject": ((FROM, TO, "Subject: Grüße =?utf-8?q?=E2=82=AC?="), {"subject": "Grüße €"}),
    "folded-subject": ((FROM, TO, "Subject: a\r\n\tb"), {"subject": "a b"}),
    "bcc": ((FROM, TO, "Bcc: S <s@t.test>"), {"bcc": ("s@t.test",)}),
    "reply-to": ((FROM, TO, "Reply-To: Desk <d@agent.test>"), {"reply_to": "Desk <d@agent.test>"}),
    "sender-is-author": ((FROM, TO, "Sender: OPS@agent.test"), {"leaving": (("from", ""), ("to", ""))}),
}


@pytest.mark.parametrize(("lines", "facts"), SAYS.values(), ids=SAYS)
def test_says(lines, facts):
    submission = read(*lines)
    assert str(submission.author) == "ops@agent.test"
    assert {name: getattr(submission, name) for name in facts} == facts


RECIPIENTS = {
    "all": ((FROM, "To: a@b.test", "Cc: c@d.test, e@f.test", "Bcc: g@h.test"), "a@b.test c@d.test e@f.test g@h.test"),
    "bcc-only": ((FROM, "Bcc: g@h.test"), "g@h.test"),
    "cc-only": ((FROM, "Cc: g@h.test"), "g@h.test"),
    "undisclosed": ((FROM, "To: undisclosed-recipients:;", "Bcc: g@h.test"), "g@h.test"),
    "twice": ((FROM, "To: a@b.test, a@B.TEST", "Cc: A@b.test, a@b.test"), "a@b.test A@b.test"),
    "idn": ((FROM, "To: a@bücher.test, a@xn--bcher-kva.test"), "a@xn--bcher-kva.test"),
    "local-part": ((FROM, "To: jürgen@remote.test"), "jürgen@remote.test"),
    "quoted": ((FROM, 'To: "bob"@remote.test'), "bob@remote.test"),
    "underscore": ((FROM, "To: a@my_host.test"), "a@my_host.test"),
    "most": ((FROM, "To: " + ", ".join(f"a{n}@b.test" for n in range(100))),
             " ".join(f"a{n}@b.test" for n in range(100))),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "addresses"), RECIPIENTS.values(), ids=RECIPIENTS)
def test_recipients(lines, addresses):
    assert " ".join(str(address) for address in read(*lines).recipients) == addresses


WHOLE = (
    FROM, "To: Bob <bob@remote.test>, jim@remote.test", "Cc: cc@remote.test", "Bcc: secret@remote.test",
    "Subject: Grüße", "X-Note: one", "X-Note: two", "In-Reply-To: <2@remote.test>",
    "References: <1@remote.test> <2@remote.test>",
)  # fmt: skip


def composed(auto: bool = False) -> tuple:
    message = "".join(f"{line}\r\n" for line in WHOLE).encode() + b"\r\nHi\r\n"
    submission = outbound.read(message, MADE, AT)
    return submission, compose.compose(ComposeOrder(message, None, True, "", MADE, AT, auto)).head


@pytest.mark.parametrize("auto", [False, True])
def test_what_was_composed_may_leave(auto):
    submission, head = composed(auto)
    outbound.check(submission, head)
    assert (b"Auto-Submitted: auto-replied\r\n" in head) == auto


BAD_BLOCKS = {
    "another-author": (b"Ops <ops@agent.test>", b"Ops <ceo@agent.test>"),
    "another-name": (b"From: Ops ", b"From: Boss "),
    "second-author": (b"<ops@agent.test>", b"<ops@agent.test>, ceo@agent.test"),
    "second-from": (b"Subject:", b"From: ceo@agent.test\r\nSubject:"),
    "from-in-other-case": (b"Subject:", b"fROM: ceo@agent.test\r\nSubject:"),
    "no-from": (b"From: Ops <ops@agent.test>\r\n", b""),
    "visible-bcc": (b"cc@remote.test", b"cc@remote.test, secret@remote.test"),
    "bcc-field": (b"Subject:", b"Bcc: secret@remote.test\r\nSubject:"),
    "added-recipient": (b"Cc: ", b"Cc: eve@evil.test, "),
    "lost-recipient": (b", jim@remote.test", b""),
    "swapped-recipients": (b"Cc: cc@", b"Cc: dd@"),
    "sender": (b"Subject:", b"Sender: ops@agent.test\r\nSubject:"),
    "reply-to": (b"Subject:", b"Reply-To: eve@evil.test\r\nSubject:"),
    "subject": (b"Subject: ", b"Subject: Pay "),
    "message-id": (b"made@agent.test", b"other@agent.test"),
    "second-message-id": (b"Date:", b"Message-ID: <x@y>\r\nDate:"),
    "date": (b"Apr 2025", b"Apr 2026"),
    "in-reply-to": (b"In-Reply-To: <2@", b"In-Reply-To: <3@"),
    "references": (b"References: <1@", b"References: <3@"),
    "other-value": (b"X-Note: one", b"X-Note: eno"),
    "other-order": (b"X-Note: one\r\nX-Note: two", b"X-Note: two\r\nX-Note: one"),
    "lost-field": (b"X-Note: one\r\n", b""),
    "added-field": (b"X-Note: one", b"X-Evil: one\r\nX-Note: one"),
    "list-unsubscribe": (b"Subject:", b"List-Unsubscribe: <https://evil.test>\r\nSubject:"),
    "trace": (b"From:", b"Received: from x\r\nFrom:"),
    "signature": (b"From:", b"DKIM-Signature: v=1\r\nFrom:"),
    "results": (b"From:", b"Authentication-Results: x; dkim=pass\r\nFrom:"),
    "no-mime-version": (b"MIME-Version: 1.0\r\n", b""),
    "two-content-types": (b"Content-Type:", b"Content-Type: text/html\r\nContent-Type:"),
    "content-field": (b"MIME-Version", b"Content-Disposition: attachment\r\nMIME-Version"),
    "end-inside": (b"Subject:", b"\r\nSubject:"),
    "lone-lf": (b"\r\nSubject:", b"\nSubject:"),
    "lone-cr": (b"\r\nSubject:", b"\rSubject:"),
    "no-field": (b"Subject:", b"Hello\r\nSubject:"),
    "long-line": (b"X-Note: one", b"X-Note: one" + b" " * 998),
    "two-auto-submitted": (b"MIME-Version", b"Auto-Submitted: no\r\nAuto-Submitted: no\r\nMIME-Version"),
    "nul": (b"X-Note: one", b"X-Note: one\0"),
    "too-large": (b"MIME-Version", b"X: y\r\n" * 50_000 + b"MIME-Version"),
}


@pytest.mark.parametrize(("old", "new"), BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_a_worker_cannot_have_anything_else_signed(old, new):
    submission, head = composed()
    assert old in head
    with pytest.raises(Refused, match="the composed header block"):
        outbound.check(submission, head.replace(old, new, 1))


def _word(text: str) -> bytes:
    return b"=?utf-8?b?" + base64.b64encode(text.encode()) + b"?="


OTHER_OCTETS = {  # the same to `check`, or to one reader of two
    **BAD_BLOCKS,
    "comment": (b"<ops@agent.test>", b"<ops@agent.test> (Boss <boss@bank.test>)"),
    "invisible-name": (b"Ops <", _word("O\u202eps\r\n") + b" <"),
    "quoted-pair": (b"Ops <", b'"O\\ps" <'),
    "bcc-in-a-language": (b"X-Note: one", b"X-Note: =?utf-8*secret?q?one?="),
    "bcc-among-ids": (b"<made@agent.test>", b"<made@agent.test> <secret@remote.test>"),
    "bcc-in-a-date": (b"+0000", b"+0000 (secret@remote.test)"),
    "bcc-as-a-keyword": (b"MIME-Version", b"Auto-Submitted: secret\r\nMIME-Version"),
    "bcc-in-a-version": (b"MIME-Version: 1.0", b"MIME-Version: 1.0 (secret@remote.test)"),
    "bcc-in-a-parameter": (b"text/plain;", b'text/plain; x="secret@remote.test";'),
    "bcc-in-a-boundary": (b"text/plain; charset=utf-8", b'multipart/mixed; boundary="secret"'),
    "another-type": (b"text/plain;", b"text/html;"),
    "field-after-the-type": (b"Content-Transfer-Encoding: 7bit\r\n", b"Content-Transfer-Encoding: 7bit\r\nX: y\r\n"),
    "other-folds": (b"X-Note: one", b"X-Note:\r\n one"),
    "other-capitals": (b"X-Note: one", b"x-note: one"),
}


@pytest.mark.parametrize(("old", "new"), OTHER_OCTETS.values(), ids=OTHER_OCTETS)
def test_what_a_worker_composed_is_the_block_octet_for_octet(old, new):
    message = "".join(f"{line}\r\n" for line in WHOLE).encode() + b"\r\nHi\r\n"
    order = ComposeOrder(message, None, True, "", MADE, AT)
    head = compose.compose(order).head
    assert compose_head.is_head_of(order, head)
    assert old in head
    assert not compose_head.is_head_of(order, head.replace(old, new, 1))


ORDERS = {
    "markdown": {},
    "text": {"text_only": True},
    "html": {"html": b"<p>Hi"},
    "automatic": {"auto_submitted": True},
    "utf-8": {"message": f"{FROM}\n{TO}\nSubject: Grüße\n\nGrüße\n".encode(), "text_only": True},
    "base64": {"message": f"{FROM}\n{TO}\n\nПривет\n".encode(), "text_only": True},
    "file": {"message": f"{FROM}\n{TO}\nContent-Type: application/pdf; name=a\n\nx".encode()},
    "dated": {"message": f"{FROM}\n{TO}\nDate: Tue, 15 Apr 2025 21:10:22 +0200\nMessage-ID: <x@y>\n\nx\n".encode()},
    "latin-1": {"message": f"{FROM}\n{TO}\nSubject: caf\xe9\nX-Note: caf\xe9\n\nx\n".encode("latin-1")},
    "blanks": {"message": f"{FROM}\n{TO}\nSubject: a{' ' * 3000}b\nX-Note: a{' ' * 3000}b\n\nx\n".encode()},
    "blanks-and-a-word": {"message": f"{FROM}\n{TO}\nSubject: a{' ' * 800}{'b' * 800}\n\nx\n".encode()},
    "a-group-and-empty-fields": {"message": f"{FROM}\n{TO}\nCc: nobody:;\nReply-To:\nSubject:\n\nx\n".encode()},
}


@pytest.mark.parametrize("changed", ORDERS.values(), ids=ORDERS)
def test_every_block_that_we_compose_is_believed(changed):
    usual = ComposeOrder(f"{FROM}\n{TO}\n\nHi\n".encode(), None, False, "", MADE, AT)
    order = msgspec.structs.replace(usual, **changed)
    head = compose.compose(order).head
    outbound.check(outbound.read(order.message, MADE, AT), head)
    assert compose_head.is_head_of(order, head)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", False),
        (b"From: a@b", False),
        (b"From: a@b\r\n\r\n" + b"x" * 100_000, False),
        (b"From: a@b\n\n" + b"x" * 100_000, False),
        (b"From: a@b\r\n" * 10_000, True),
    ],
    ids=["empty", "short", "long-body", "long-body-lf", "long-head"],
)
def test_only_a_long_header_block_takes_a_thread(message, expected):
    assert outbound.is_long(message) == expected


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@b> <c@d>", ("a@b", "c@d")), ("<a@b><c@d>", ("a@b", "c@d")), ("<<a@b> c@d>", ("a@b",)),
        ("< a@b> <c@d>", ("c@d",)), ("a@b c@d", ("a@b", "c@d")), ("a@b <c@d", ()), ("a b@c", ("b@c",)),
        (" ".join(f"<{n}@x>" for n in range(5000)), tuple(f"{n}@x" for n in range(5000))),
    ],
    ids=["two", "joined", "open-bracket", "blank", "bare", "torn", "no-at", "many"],
)  # fmt: skip
def test_message_ids_are_those_between_brackets_or_bare_ones(value, ids):
    assert read(FROM, TO, f"References: {value}").references == ids
