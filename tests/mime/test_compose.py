"""What a worker makes of a submission: its fields, its text with the signature, its HTML, its files."""

import email
import email.policy
import os
from pathlib import Path

import pytest

from aimx import limits
from aimx.errors import BodyTooLarge, Refused
from aimx.mime import compose, outbound
from aimx.model.outbound import ComposeOrder
from tests.mime.test_total import work

GOLDEN = Path(__file__).parents[2] / "fixtures" / "outbound"
UPDATE = os.environ.get("AIMX_UPDATE_GOLDEN") == "1"
AT = 1_778_155_200.0  # 2026-05-07 12:00:00 UTC
MADE = "made@agent.test"
HEAD = b"From: ops@agent.test\r\nTo: bob@remote.test\r\n"
SIGNATURE = "Sent from AIMX.  \nhttps://aimx.email"


def composed(message: bytes, html=None, text_only=False, signature="", auto=False):
    """Composed, and held to what was submitted, as the daemon does it."""
    result = compose.compose(ComposeOrder(message, html, text_only, signature, MADE, AT, auto))
    outbound.check(outbound.read(message, MADE, AT), result.head)
    return result


def fields(*lines: str | bytes, auto=False) -> list[str]:
    """The header block that leaves, without the fields that every message here has."""
    head = HEAD + b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines)
    block = composed(head + b"\r\nHi\r\n", text_only=True, auto=auto).head.decode()
    return [
        line
        for line in block.removesuffix("\r\n").split("\r\n")
        if line not in HEAD.decode()
        and not line.startswith(("Message-ID: <made", "Date: Thu, 07 May 2026 12", "MIME-"))
        and not line.startswith("Content-T")
    ]  # fmt: skip


FIELDS = {
    "ascii": (["Subject: Hello there"], ["Subject: Hello there"]),
    "utf-8": (["Subject: Re: Grüße an alle"], ["Subject: Re: =?utf-8?B?R3LDvMOfZQ==?= an alle"]),
    "latin-1": ([b"Subject: Caf\xe9"], ["Subject: =?utf-8?B?Q2Fmw6k=?="]),
    "encoded": (["Subject: =?iso-8859-1?q?Caf=E9?="], ["Subject: =?utf-8?B?Q2Fmw6k=?="]),
    "looks-encoded": (["Subject: =?x"], ["Subject: =?utf-8?B?PT94?="]),
    "long": (
        ["Subject: " + "word " * 20 + "end"],
        ["Subject: " + ("word " * 13).strip(), " " + "word " * 7 + "end"],
    ),
    "one-long-word": (["X-Word: " + "x" * 300], ["X-Word: ", " " + "x" * 300]),
    "too-long-word": (["X-Word: " + "x" * 1000], None),
    "long-non-ascii": (["Subject: " + "日" * 60], None),
    "wide": (["Subject: a" + " " * 70 + "b" + " " * 3 + "c"], ["Subject: a b   c"]),
    "tabs": (["Subject: a\tb"], ["Subject: a b"]),
    "empty": (["Subject:"], ["Subject: "]),
    "names": (["Cc: Jürgen <j@b.test>, \"B, C\" <c@d.test>"],
              ["Cc: =?utf-8?B?SsO8cmdlbg==?= <j@b.test>, \"B, C\" <c@d.test>"]),
    "idn": (["Cc: x@bücher.test"], ["Cc: x@xn--bcher-kva.test"]),
    "utf-8-local-part": (["Cc: jürgen@b.test"], ["Cc: jürgen@b.test"]),
    "comment": (["Reply-To: d@agent.test (Desk)"], ["Reply-To: Desk <d@agent.test>"]),
    "many": (["Cc: " + ", ".join(f"someone{n}@remote.test" for n in range(4))],
             ["Cc: someone0@remote.test, someone1@remote.test, someone2@remote.test,", " someone3@remote.test"]),
    "date-kept": (["Date: Tue, 15 Apr 25 16:30 +0200"], ["Date: Tue, 15 Apr 2025 16:30:00 +0200"]),
    "date-made": (["Date: yesterday"], []),
    "ids": (["Message-ID: <1@b>", "In-Reply-To: 2@b", "References: <é@b> <1@b>"],
            ["Message-ID: <1@b>", "In-Reply-To: <2@b>", "References: <1@b>"]),
    "empty-lists": (["Cc:", "Reply-To: ", "References: <>"], []),
    "order": (["X-B: 1", "Subject: s", "X-A: 2", "X-B: 3"], ["X-B: 1", "Subject: s", "X-A: 2", "X-B: 3"]),
    "kept": (["List-Id: Café <l.agent.test>", "Precedence: list", "Importance: high", "Auto-Submitted: no"],
             ["List-Id: =?utf-8?B?Q2Fmw6k=?= <l.agent.test>", "Precedence: list", "Importance: high",
              "Auto-Submitted: no"]),
    "encoded-in-another": (["List-Id: =?utf-8?q?Caf=C3=A9?= <l.agent.test>"],
                           ["List-Id: =?utf-8?q?Caf=C3=A9?= <l.agent.test>"]),
    "dropped": (
        ["Bcc: s@t.test", "Sender: ops@agent.test", "DKIM-Signature: v=1", "Received: from x", "Return-Path: <x@y.z>",
         "Authentication-Results: x; dkim=pass", "ARC-Seal: i=1", "Delivered-To: x", "X-Envelope-To: s@t.test",
         "X-Original-To: s@t.test", "MIME-Version: 1.0", "Content-Language: de", "Content-Foo: bar",
         "Resent-From: ops@agent.test", "Received-SPF: pass"], []),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), FIELDS.values(), ids=FIELDS)
def test_fields(lines, expected):
    left = fields(*lines)
    assert all(len(line.encode()) <= limits.LINE_OCTETS for line in left)
    if expected is not None:
        assert left == expected
    else:
        assert len(left) > 1 and all("=?utf-8?B?" in line and len(line) <= 76 for line in left)


def test_a_hook_marks_what_it_sends():
    assert fields("Auto-Submitted: no", "X-A: 1", auto=True) == ["X-A: 1", "Auto-Submitted: auto-replied"]


def text(body: bytes, head: bytes = b"", **options) -> str:
    return composed(HEAD + head + b"\r\n" + body, **options).source


SIGNED = {
    "plain": (b"Hi", "s", "Hi\n\ns\n"),
    "line-end": (b"Hi\r\n", "s", "Hi\n\ns\n"),
    "many-line-ends": (b"Hi\r\n\r\n\r\n", "s", "Hi\n\ns\n"),
    "blanks-stay": (b"Hi  \r\n", "s", "Hi  \n\ns\n"),
    "empty": (b"", "s", "s\n"),
    "only-line-ends": (b"\r\n\r\n", "s", "s\n"),
    "lines": (b"Hi", "a\r\nb\n", "Hi\n\na\nb\n"),
    "default": (b"Hi", SIGNATURE, "Hi\n\nSent from AIMX.  \nhttps://aimx.email\n"),
    "none": (b"Hi\r\n\r\n", "", "Hi\n\n"),
    "none-no-end": (b"Hi", "", "Hi\n"),
    "none-empty": (b"", "", ""),
}


@pytest.mark.parametrize("options", [{}, {"text_only": True}, {"html": b"<p>x"}], ids=["markdown", "text", "html"])
@pytest.mark.parametrize(("body", "signature", "expected"), SIGNED.values(), ids=SIGNED)
def test_the_signature_follows_the_text(body, signature, expected, options):
    result = composed(HEAD + b"\r\n" + body, signature=signature, **options)
    assert result.source == expected
    read = email.message_from_bytes(result.head + b"\r\n" + result.body, policy=email.policy.default)
    assert read.get_body(("plain",)).get_content().replace("\r\n", "\n") == (expected or "\n")
    html = read.get_body(("html",))
    if options.get("html"):
        assert html.get_content().rstrip() == "<p>x"
    elif html is not None and signature == SIGNATURE:
        assert 'AIMX.<br>\r\n<a href="https://aimx.email"' in html.get_content()


TEXTS = {
    "no-type": (b"", "Grüße".encode(), "Grüße"),
    "latin-1": (b"Content-Type: text/plain; charset=iso-8859-1\r\n", b"Gr\xfc\xdfe", "Grüße"),
    "base64": (b"Content-Transfer-Encoding: base64\r\n", b"R3LDvMOfZQ==", "Grüße"),
    "quoted-printable": (b"Content-Transfer-Encoding: quoted-printable\r\n", b"Gr=C3=BC=C3=9Fe", "Grüße"),
    "utf-16": (b"Content-Type: text/plain; charset=utf-16le\r\n", "Grüße".encode("utf-16le"), "Grüße"),
    "flowed": (b"Content-Type: text/plain; format=flowed\r\n", b"one \r\ntwo", "one two"),
    "lone-cr": (b"", b"a\rb", "a\nb"),
    "nul": (b"", b"a\0b", "a\ufffdb"),
    "escape": (b"", b"a\x1b[0mb", "a\x1b[0mb"),
    "no-boundary": (b"Content-Type: multipart/mixed\r\n", b"Hi", "Hi"),
}


@pytest.mark.parametrize(("head", "body", "expected"), TEXTS.values(), ids=TEXTS)
def test_the_text_is_read_in_its_charset(head, body, expected):
    assert text(body, head, text_only=True).removesuffix("\n") == expected


ENCODINGS = {
    "ascii": (b"Hi", "7bit"),
    "dot": (b".\r\n..\r\n", "7bit"),
    "longest": (b"x" * 998, "7bit"),
    "too-long": (b"x" * 999, "quoted-printable"),
    "from": (b"Hi\r\nFrom me", "quoted-printable"),
    "from-from": (b"From From From", "quoted-printable"),
    "latin": ("Ein paar schöne Grüße".encode(), "quoted-printable"),
    "cjk": ("日本語".encode(), "base64"),
    "blank-ends": ("Ein paar Grüße  \r\nblank \t\r\n".encode(), "quoted-printable"),
    "escape": (b"a\x1b[0m is seven bit", "7bit"),
}


@pytest.mark.parametrize(("body", "encoding"), ENCODINGS.values(), ids=ENCODINGS)
def test_the_text_arrives_whatever_a_relay_does_to_lines(body, encoding):
    result = composed(HEAD + b"\r\n" + body, text_only=True)
    assert f"Content-Transfer-Encoding: {encoding}\r\n".encode() in result.head
    lines = result.body.split(b"\r\n")
    assert not any(line.startswith(b"From ") or len(line) > limits.LINE_OCTETS for line in lines)
    if encoding == "quoted-printable":
        assert not any(line.endswith((b" ", b"\t")) or len(line) > 76 for line in lines)
    read = email.message_from_bytes(result.head + b"\r\n" + result.body, policy=email.policy.default)
    assert read.get_content().encode().rstrip(b"\r\n") == body.rstrip(b"\r\n")


def multipart(*parts: bytes, kind: bytes = b"mixed") -> bytes:
    """The rest of a message from its Content-Type on."""
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/" + kind + b"; boundary=b\r\n\r\n" + body + b"--b--\r\n"


PLAIN, RICH = b"Content-Type: text/plain\r\n\r\nHi", b"Content-Type: text/html\r\n\r\n<b>Hi</b>"
PDF = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg=="
ICS = b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\nBEGIN:VCALENDAR"
MAIL = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nforwarded"
MAIL_8 = b"Content-Type: message/rfc822; name=m.eml\r\n\r\nSubject: \xe9\r\n\r\nforwarded"
INLINE = b"Content-Type: image/png; name=i.png\r\nContent-ID: <i@x>\r\nContent-Disposition: inline\r\n\r\nPNG"
SHAPES = {
    "text": (b"\r\nHi", {}, "markdown", "multipart/alternative text/plain text/html", "Hi"),
    "text-only": (b"\r\nHi", {"text_only": True}, "text", "text/plain", "Hi"),
    "html-body": (b"\r\nHi", {"html": b"<i>"}, "html", "multipart/alternative text/plain text/html", "Hi"),
    "empty-html-body": (b"\r\nHi", {"html": b""}, "html", "multipart/alternative text/plain text/html", "Hi"),
    "file": (multipart(PLAIN, PDF), {}, "markdown",
             "multipart/mixed multipart/alternative text/plain text/html application/pdf=a.pdf", "Hi"),
    "file-text-only": (multipart(PLAIN, PDF), {"text_only": True}, "text",
                       "multipart/mixed text/plain application/pdf=a.pdf", "Hi"),
    "says-markdown": (b"Content-Type: text/markdown\r\n\r\nHi", {}, "markdown",
                      "multipart/alternative text/plain text/html", "Hi"),
    "markdown-file": (multipart(PLAIN, b"Content-Type: text/markdown\r\n\r\n# x"), {"text_only": True}, "text",
                      "multipart/mixed text/plain text/markdown", "Hi"),
    "file-first": (multipart(PDF, PLAIN), {"text_only": True}, "text",
                   "multipart/mixed text/plain application/pdf=a.pdf", "Hi"),
    "file-alone": (multipart(PDF), {"text_only": True}, "text",
                   "multipart/mixed text/plain application/pdf=a.pdf", ""),
    "second-text": (multipart(PLAIN, PLAIN), {"text_only": True}, "text", "multipart/mixed text/plain text/plain",
                    "Hi"),
    "own-html": (multipart(PLAIN, RICH, kind=b"alternative"), {}, "html",
                 "multipart/alternative text/plain text/html", "Hi"),
    "own-html-text-only": (multipart(PLAIN, RICH, kind=b"alternative"), {"text_only": True}, "text", "text/plain",
                           "Hi"),
    "html-alone": (b"Content-Type: text/html\r\n\r\n<b>Hi</b>", {}, "html",
                   "multipart/alternative text/plain text/html", "**Hi**"),
    "html-beside-text": (multipart(PLAIN, RICH), {"text_only": True}, "text", "multipart/mixed text/plain text/html",
                         "Hi"),
    "invitation": (multipart(PLAIN, ICS, kind=b"alternative"), {"text_only": True}, "text",
                   "multipart/mixed text/plain text/calendar", "Hi"),
    "forwarded": (multipart(PLAIN, MAIL), {"text_only": True}, "text",
                  "multipart/mixed text/plain message/rfc822", "Hi"),
    "forwarded-8bit": (multipart(PLAIN, MAIL_8), {"text_only": True}, "text",
                       "multipart/mixed text/plain application/octet-stream=m.eml", "Hi"),
}  # fmt: skip


@pytest.mark.parametrize(("message", "options", "written", "tree", "source"), SHAPES.values(), ids=SHAPES)
def test_shapes(message, options, written, tree, source):
    result = composed(HEAD + message, **options)
    read = email.message_from_bytes(result.head + b"\r\n" + result.body, policy=email.policy.default)
    parts = [part for part in read.walk() if part is read or not _inside_a_message(read, part)]
    names = [f"={part.get_filename()}" if part.get_filename() else "" for part in parts]
    assert " ".join(part.get_content_type() + name for part, name in zip(parts, names, strict=True)) == tree
    assert (result.format, result.source.strip()) == (written, source)
    assert not [defect for part in read.walk() for defect in part.defects]


def _inside_a_message(whole, part) -> bool:
    return any(part in list(outer.walk())[1:] for outer in whole.walk() if outer.get_content_type() == "message/rfc822")


def test_what_is_said_about_a_file_is_said_again():
    result = composed(HEAD + multipart(PLAIN, ICS, INLINE))
    assert b"Content-Type: text/calendar;\r\n method=REQUEST;\r\n charset=utf-8\r\n" in result.body
    assert b"Content-ID: <i@x>\r\nContent-Disposition: inline;\r\n filename=i.png\r\n" in result.body
    assert [(file.filename, file.content_type, file.content) for file in result.attachments] == [
        ("attachment-0.ics", "text/calendar", b"BEGIN:VCALENDAR"),
        ("i.png", "image/png", b"PNG"),
    ]


def test_a_name_is_kept_on_the_wire_and_made_safe_in_the_record():
    part = b'Content-Type: image/png\r\nContent-Disposition: attachment; filename="../../.ssh/id\xc3\xa9"\r\n\r\nx'
    result = composed(HEAD + multipart(PLAIN, part))
    assert b"filename*=utf-8''%2E%2E%2F%2E%2E%2F%2Essh%2Fid%C3%A9" in result.body
    assert [file.filename for file in result.attachments] == ["idé"]


def test_a_signature_stands_before_the_first_file():
    result = composed(HEAD + multipart(PLAIN, PDF), text_only=True, signature="-- me")
    assert result.body.index(b"-- me") < result.body.index(b"application/pdf")


def test_a_boundary_is_none_of_the_content():
    first = composed(HEAD + b"\r\nHi", html=b"x")
    boundary = first.head.partition(b'boundary="')[2].partition(b'"')[0]
    again = composed(HEAD + b"\r\nHi\r\n--" + boundary, html=b"x")
    assert again.body.count(b"--" + again.head.partition(b'boundary="')[2].partition(b'"')[0]) == 3


REFUSALS = {
    "both": (b"\r\nHi", {"text_only": True, "html": b"x"}, Refused, compose.EXCLUSIVE),
    "html-no-utf-8": (b"\r\nHi", {"html": b"\xff"}, Refused, "the HTML body is not UTF-8"),
    "markdown": (b"\r\n" + b"x" * (5 * limits.MIB), {}, BodyTooLarge, "markdown body exceeds 5 MiB; use --html-body"),
    "file-name": (multipart(b"Content-Type: a/b\r\nContent-Disposition: attachment; filename*=utf-8''a%0D%0Ab\r\n\r\n"),
                  {}, Refused, "name: control characters and line breaks are not allowed"),
    "total": (b"\r\nHi", {"html": "é".encode() * (26 * limits.MIB)}, BodyTooLarge, "octets on its way"),
}  # fmt: skip


@pytest.mark.parametrize(("message", "options", "error", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_refused(message, options, error, reason):
    with pytest.raises(error, match=reason):
        composed(HEAD + message, **options)


def test_five_mebibytes_are_counted_with_the_signature():
    message = HEAD + b"\r\n" + b"x" * (5 * limits.MIB - 4)
    with pytest.raises(BodyTooLarge):
        composed(message, signature="me")
    assert composed(message, signature="me", text_only=True).format == "text"


LETTER = (
    "From: Ops Büro <ops@agent.test>\r\nTo: Bob <bob@remote.test>, jürgen@bücher.test\r\nBcc: hidden@three.test\r\n"
    "Subject: Tagesbericht — 7. Mai\r\nMessage-ID: <kept@agent.test>\r\nIn-Reply-To: <2@remote.test>\r\n"
    "References: <1@remote.test> <2@remote.test>\r\nX-Mailer: aimx\r\n"
).encode()
BODY = "# Tagesbericht\r\n\r\nViele Grüße\r\nFrom here on\r\n.\r\n"
FILES = (
    b'Content-Type: text/csv; charset=utf-8; name="a.csv"\r\n\r\na,b\r\n1,2\r\n',
    "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"Bericht für Bob.pdf\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=".encode(),
)  # fmt: skip
GOLDENS = {"markdown": {}, "text": {"text_only": True}, "html": {"html": "<p>Grüße</p>\r\n".encode()}}


@pytest.mark.parametrize("files", [(), FILES], ids=["flat", "files"])
@pytest.mark.parametrize("path", GOLDENS)
def test_golden(path, files):
    rest = multipart(b"\r\n" + BODY.encode(), *files) if files else b"\r\n" + BODY.encode()
    result = composed(LETTER + rest, signature=SIGNATURE, **GOLDENS[path])
    octets = result.head + b"\r\n" + result.body
    golden = GOLDEN / f"{path}-{'files' if files else 'flat'}.eml"
    if UPDATE:
        golden.write_bytes(octets)
    assert octets == golden.read_bytes()


GROWING = {
    "parts": lambda n: HEAD + multipart(*[b"\r\nx"] * (n // 4)),
    "nested": lambda n: HEAD + b"".join(
        b"Content-Type: multipart/alternative; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n // 20)
    ),
    "alternatives": lambda n: HEAD + multipart(PLAIN, *[RICH] * (n // 4), kind=b"alternative"),
    "fields": lambda n: HEAD + b"X-Y: z\r\n" * (n // 2) + b"\r\nHi",
    "words": lambda n: HEAD + b"Subject: " + b"a " * n + b"\r\n\r\nHi",
    "encoded-words": lambda n: HEAD + b"Subject: " + b"=?utf-8?q?=C3=A9?= " * n + b"\r\n\r\nHi",
    "recipients": lambda n: HEAD + b"Cc: " + b", ".join(b"a%d@b.test" % i for i in range(n // 20)) + b"\r\n\r\nHi",
    "references": lambda n: HEAD + b"References:" + b" <a@b>\r\n" * n + b"\r\n\r\nHi",
    "lines": lambda n: HEAD + b"\r\n" + b"From me\n" * n,
    "file-name": lambda n: HEAD + multipart(b"Content-Type: a/b; name*=" + b"%C3%A9" * n + b"\r\n\r\nx"),
    "parameters": lambda n: HEAD + multipart(b"Content-Type: a/b" + b";x=y" * n + b"\r\n\r\nx"),
}  # fmt: skip


@pytest.mark.parametrize("make", GROWING.values(), ids=GROWING)
def test_work_grows_linearly(make):
    """Four times the input, about four times the work (lines and calls executed)."""
    once, four = (work(lambda octets: composed(octets, text_only=True), make(n)) for n in (400, 1600))
    assert four <= 5 * once
