"""Mail that arrives: structure, headers, words, charsets, HTML, and the document that is stored."""

import re
import unicodedata
from html import escape

from aimx import limits
from aimx.daemon.believable import believable
from aimx.errors import Refused
from aimx.mime import (
    addresses,
    charset,
    clean,
    codes,
    dates,
    frontmatter,
    frontmatter_edit,
    structured,
    text,
    transfer,
    words,
)
from aimx.mime.attachments import safe_name
from aimx.mime.fields import message_ids
from aimx.mime.read import read_message
from aimx.model.envelope import Envelope
from tests.fuzz.target import WORKER_S, Frame, files, target
from tests.fuzz.targets.pieces import fields, legal, one_safe_line, safe_body
from tests.mime.test_total import check

_ENVELOPE = Envelope("alice@example.com", (), "192.0.2.1", "mx.example.com", 1744727423.0)
_MAIL = (
    b"\\r\\n \\n \\r\\n\\r\\n From:~ To:~ Cc:~ Subject:~ Date:~ References:~ In-Reply-To:~ Message-ID:~ Auto-Submitted:~ List-Id:~ "
    b"Content-Type:~ multipart/mixed;~boundary=b multipart/alternative multipart/related message/rfc822 text/html text/plain "
    b"Content-Disposition:~attachment ;~filename*0*=utf-8''% ;~filename*1= ;~name=\" ;~charset=utf-16 ;~charset=iso-2022-jp "
    b";~charset=utf-7 ;~format=flowed ;~delsp=yes Content-Transfer-Encoding:~ base64 quoted-printable --b --b-- -- +++ =?utf-8?q? "
    b'=?utf-8?b? =?iso-2022-jp?b? ?= = =3D < > @ , ; : ( ) " \\ <a@b.test> Received:~from~a~by~b;~ &amp; <td> <table> '
    b"Tue,~15~Apr~2025~14:30:22~+0000 +- &- \x1b$B \x1b(B"
)
_HEADS = (
    Frame(),
    Frame(b"Subject: ", b"\r\n\r\nx"),
    Frame(b"From: ", b"\r\n\r\nx"),
    Frame(b"References: ", b"\r\n\r\nx"),
    Frame(b"Date: ", b"\r\n\r\n"),
    Frame(b"Content-Type: ", b"\r\n\r\nx"),
    Frame(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
    Frame(b"Content-Type: text/html\r\n\r\n"),
    Frame(b"Content-Disposition: attachment; ", b"\r\n\r\nx"),
    Frame(b"Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n"),
    Frame(b"A: b\r\n\r\n"),
)


def _read_cost(octets: bytes) -> None:
    read_message(octets, _ENVELOPE)


@target(
    "mime",
    "aimx/mime/ aimx/store/document",
    _MAIL,
    seeds=lambda: files("fixtures/inbound/*/message.eml", most=3000),
    longest=3000,
    bound=1 << 20,
    cost=_read_cost,
    frames=_HEADS,
    units=(
        b"\r\n ",
        b"a@b.test, ",
        b"<a@b>\r\n ",
        b"; a*0*=x",
        b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
        b"Received: x\r\n",
        b"a ",
        b"> ",
        b"=\r\n",
        b"name*0*=a; ",
        b"123456 ",
        b"http://a.b/",
    ),
    nests=((b"(", b")"), (b"g:", b";"), (b"Content-Type: message/rfc822\r\n\r\n", b"")),
    within_s=WORKER_S,
)
def mime(octets: bytes) -> None:
    """Any octets become a message that can be stored and read back, its values on one safe line each."""
    check(octets)
    believable(read_message(octets, _ENVELOPE), len(octets))


_HTML = (
    b'<a~href=" </a> <ul> <ol> <li> </li> <table> <tr> <td> <th> </table> <pre> </pre> <blockquote> </blockquote> <b> <i> <em> '
    b"<!-- --> <![CDATA[ <!DOCTYPE <?xml </ < > \" ' = & &# &#x1f; &amp; &nbsp; &#55296; <br> <br/> <p> <h1> <script> </script> <style> "
    b"</style> <img~src= ~alt= <title> <head> <body> <div> javascript: data: http://a.b/ ~ \\n \\t <svg> <textarea> <noscript> <q> <del> <code>"
)


@target(
    "html",
    "aimx/mime/text html2text/",
    _HTML,
    seeds=lambda: [*files("fixtures/markdown/**/*.html", most=2500), b"<p>a <b>b</b></p>"],
    longest=2000,
    bound=limits.HTML_OCTETS,
    cost=lambda octets: text.from_html(legal(octets)),
    frames=(Frame(), Frame(b"<table>"), Frame(b'<a href="'), Frame(b"<pre>"), Frame(b"<ul>"), Frame(b"<td>" * 200)),
    units=(b"a ", b"a", b"<td>x", b"<tr><td>", b"<b>x</b>", b"<a href=x>y</a>", b"<p>x", b"* ", b"_", b"1. "),
    nests=(
        (b"<div>", b"</div>"),
        (b"<blockquote>", b"</blockquote>"),
        (b"<ul><li>", b"</li></ul>"),
        (b"<b>", b"</b>"),
        (b"<table><tr><td>", b"</td></tr></table>"),
        (b"<a href=x>", b"</a>"),
        (b"<pre>", b"</pre>"),
    ),
    within_s=WORKER_S,
)
def html(octets: bytes) -> None:
    """Text, within its bound, whatever the HTML."""
    source = legal(octets)
    found = text.from_html(source)
    assert len(found) <= limits.HTML_OUTPUT_FACTOR * max(len(source), limits.HTML_OUTPUT_FLOOR) + 200
    found.encode()
    safe_body(clean.body(found))
    assert text.from_html(source) == found
    # Whatever follows, or stands inside: scripts are gone and words stay.
    after = text.from_html(f"<style>zqgone</style><script>zqgone</script><p>zqkept</p>{source}")
    assert "zqkept" in after and "zqgone" not in after
    if "</script" not in source.lower():
        assert text.from_html(f"<script>{source}</script><p>zqkept</p>") == "zqkept\n"
    assert _words(text.from_html(f"<p>{escape(source)}</p>")) == _words(source)


def _words(value: str) -> list[str]:
    return re.findall(r"[^\W_]+", value)


_VALUES = (
    b"=?utf-8?q? =?utf-8?b? =?iso-2022-jp?b? ?= = =3D %41 ~ , ; : < > @ . ( ) \" \\ ' * *0*= *1= ''  name= charset= boundary= <a@b.test> "
    b"Tue,~15~Apr~2025~14:30:22~+0000 GMT EST Z -0000 99 attachment inline text/plain a@b.test \x1b$B \x1b(B \xef\xbb\xbf ../ .. / con.txt \x00"
)


def _values(octets: bytes) -> None:
    value = legal(octets)
    words.decode(value)
    addresses.read(value)
    structured.content_type(octets, "text/plain")
    structured.disposition(octets)
    structured.parameters(value)
    structured.without_comments(value)
    dates.rfc3339(value)
    message_ids(value)
    safe_name(value)
    codes.codes(value, value)
    codes.links(value)
    transfer.decode(octets, "base64")
    transfer.decode(octets, "quoted-printable")


@target(
    "header-values",
    "aimx/mime/",
    _VALUES,
    seeds=lambda: [
        b"=?utf-8?q?a=3D?= <a@b.test>",
        b"text/plain; name*0*=utf-8''%41; name*1=b",
        b'g:a@b, "x" (c) <d@e>;',
        b"a@b.test <c@d.test>",
        b"Tue, 15 Apr 2025 14:30:22 +0000",
        b"Your code is 123456 https://a.b/c(d).",
    ],
    longest=1500,
    bound=1 << 18,
    cost=_values,
    frames=(Frame(), Frame(b"a; "), Frame(b'"'), Frame(b"<"), Frame(b"=?utf-8?q?"), Frame(b"code 123456 ")),
    units=(
        b"a",
        b"1",
        b"123 ",
        b"=41",
        b"%41",
        b"a,",
        b"a;",
        b"a=b;",
        b"<>",
        b"http://",
        b"(http://a.b",
        b"code ",
        b"x@",
    ),
    nests=((b"(", b")"), (b'"', b'"'), (b"<", b">"), (b"g:", b";"), (b"[", b"]")),
    within_s=WORKER_S,
)
def header_values(octets: bytes) -> None:
    """Words, addresses, parameters, dates, names and codes: total, and what they find is safe."""
    _values(octets)
    value = legal(octets)
    found = addresses.read(value)
    for mailbox in found.mailboxes:
        one_safe_line(clean.one_line(str(mailbox)))
    assert len(found.mailboxes) <= limits.ADDRESSES
    if found.sound and len(found.mailboxes) == 1 and found.mailboxes[0].sound:
        assert _addresses(value) <= {found.mailboxes[0].addr_spec}, ascii(value)
    name = safe_name(value)
    assert (
        "/" not in name
        and "\0" not in name
        and len(name.encode()) <= limits.FILE_NAME_OCTETS
        and name[:1] not in (".", "-")
    )
    line = clean.one_line(words.decode(value))
    one_safe_line(line)
    assert clean.one_line(line) == line
    safe_body(clean.body(value))
    assert clean.bare(clean.bare(value)) == clean.bare(value)
    for link in codes.links(value):
        assert link in value


def _addresses(value: str) -> set[str]:
    """Everything with an at sign outside quotes and comments."""
    value = re.sub(r'"(?:[^"\\]|\\.)*"(?!@)', " ", value, flags=re.DOTALL)
    while (outer := re.sub(r"\([^()]*\)", " ", value)) != value:
        value = outer
    return set() if '"' in value else set(re.findall(r"[^\s<>,;:@]+@[^\s<>,;:]+", value))


@target(
    "charset",
    "aimx/mime/charset",
    b"utf-8 utf-16 utf-32 utf-7 iso-2022-jp iso-2022-kr gb18030 hz-gb-2312 shift_jis euc-jp big5 koi8-r windows-1252 x-unknown "
    b"idna punycode rot13 unicode_escape zlib \x1b$B \x1b(B ~{ +- \xff\xfe \xed\xa0\x80",
    seeds=lambda: [b"utf-8\x1e\xc3\xa4", b'iso-2022-jp\x1e\x1b$B$"\x1b(B'],
    bound=1 << 20,
    frames=tuple(
        Frame(label + b"\x1e")
        for label in (
            b"utf-8",
            b"utf-7",
            b"iso-2022-jp",
            b"iso-2022-kr",
            b"gb18030",
            b"hz-gb-2312",
            b"punycode",
            b"idna",
            b"utf-16",
        )
    ),
    within_s=WORKER_S,
)
def charsets(octets: bytes) -> None:
    """A label and octets: always text that UTF-8 can write."""
    label, content = fields(octets, 2)
    decoded = charset.decode(content, label.decode("latin-1"))
    decoded.encode()
    assert len(decoded) <= 4 * len(content) + 4


_TOML = (
    b'+++\\n id~=~"a" read~=~false subject~=~ [[attachments]] [a] [a.b] a.b. = " """ \\\' \\\'\\\'\\\' { } [ ] , # \\n \\r\\n \\\\u0041 \\\\ '
    b"true false 0x 1e5 nan inf 2025-04-15T14:30:22Z 07:32:00 1979-05-27 0b1 0o7 1_0 - +"
)
_BLOCK = (
    Frame(b"+++\n", b"\n+++\n\nbody\n"),
    Frame(b"+++\na = ", b"\n+++\n"),
    Frame(b'+++\na = "', b'"\n+++\n'),
    Frame(b"+++\n", b" = 1\n+++\n"),
    Frame(),
)


def _written(value: str) -> None:
    """Each value is on a line of its own, holds nothing that is obeyed, and is read as it was."""
    written = frontmatter.write([("id", value), ("read", False)], [[("path", value)]], "")
    lines = written.decode().split("\n")
    assert lines[0] == lines[6] == "+++" and len(lines) == 9, lines
    for line in lines:
        assert not any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in line), ascii(line)
    found, body = frontmatter.read(written)
    assert (found, body) == ({"id": value, "read": False, "attachments": [{"path": value}]}, b"")


def _front_cost(octets: bytes) -> None:
    try:
        frontmatter.read(octets)
        frontmatter_edit.edited(octets.decode().split("+++\n")[1], {"read": True})
    except (Refused, ValueError, IndexError):
        return


@target(
    "frontmatter",
    "aimx/mime/frontmatter aimx/mime/plainfields",
    _TOML,
    seeds=lambda: files("fixtures/inbound/*/expected.md", "fixtures/sent/*.md", most=4000),
    longest=2500,
    bound=1 << 18,
    cost=_front_cost,
    frames=_BLOCK,
    units=(b"a.", b"[a]\n", b'a="b"\n', b"[[a]]\n", b"a = 1\n", b"#\n", b"[a.a]\n", b"a,"),
    nests=((b"[", b"]"), (b"{a=", b"}"), (b"[[", b"]]")),
)
def front(octets: bytes) -> None:
    """A document is read or refused; two values are changed, and no other octet of meaning. What we write is safe."""
    _written(legal(octets))
    try:
        found, body = frontmatter.read(octets)
    except Refused as refused:
        assert str(refused)
        return
    assert octets.endswith(body)
    block = frontmatter.span(octets)
    assert block is not None
    frontmatter.is_quick(octets)
    source = octets[slice(*block)].decode()
    changes = {"read": True, "read_at": None}
    try:
        changed, _ = frontmatter_edit.edited(source, changes)
    except Refused:
        return
    again = frontmatter.fields(changed, parse_float=str)
    assert again.pop("read") is True
    before = {key: value for key, value in frontmatter.fields(source, parse_float=str).items() if key not in changes}
    assert again == before
    assert frontmatter_edit.edited(changed, changes)[0] == changed
    assert set(found) - set(changes) == set(before)
