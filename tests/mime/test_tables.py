"""The small parsers, one table each."""

import hashlib
import subprocess
import sys

import pytest

from aimx.errors import Refused
from aimx.mime import addresses, attachments, body, charset, clean, dates, frontmatter, structured, transfer
from aimx.mime.read import read_message
from aimx.mime.unexamined import unexamined
from aimx.model.envelope import Envelope
from aimx.store import layout
from tests.mime import inbound

ENVELOPE = Envelope("alice@example.com", (), "192.0.2.1", "mx.example.com", 1744727423.0)


def parsed(head: str):
    return read_message(head.encode() + b"\r\n\r\nx\r\n", ENVELOPE).headers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.test", ["a@b.test"]),
        ("<a@b.test>", ["a@b.test"]),
        ("Ann <a@b.test>", ["Ann <a@b.test>"]),
        ('"Ann, B." <a@b.test>, c@d.test', ['"Ann, B." <a@b.test>', "c@d.test"]),
        ("a@b.test (Ann (B))", ["Ann (B) <a@b.test>"]),
        ("John Q. Public <a@b.test>", ["John Q. Public <a@b.test>"]),
        ("a@b.test <a@b.test>", ['"a@b.test" <a@b.test>']),
        ('"a"@b.test', ["a@b.test"]),
        ("", []),
        (", ,a@b.test,,", ["a@b.test"]),
        ("a@b.test\t", ["a@b.test"]),
    ],
)
def test_sound_addresses(value, expected):
    listing = addresses.read(value)
    written = [f'"{m.name}" <{m.addr_spec}>' if m.name == "Ann (B)" else str(m) for m in listing.mailboxes]
    assert written == [text.replace("Ann (B) <", '"Ann (B)" <') for text in expected]
    assert listing.sound
    assert all(mailbox.sound for mailbox in listing.mailboxes)


@pytest.mark.parametrize("value", ["a@b.test", " Ann <a@b.test> ", "\tAnn B 9<a.b_c+d-e@b-c.test>", "a@b", "-@-"])
def test_the_short_way_reads_as_the_long_one(value):
    assert addresses.read(value) == addresses._read_tokens(value)


@pytest.mark.parametrize(
    "value",
    [
        "g: a@b.test;",
        "a@b.test;",
        "a @ b.test",
        "a@ b.test",
        "a@b.test c@d.test",
        "<a@b.test",
        "a@b.test>",
        "<a@b.test> c",
        "<a@b.test><c@d.test>",
        "<<a@b.test>>",
        "x@y.test <a@b.test>",
        "<(c)a@b.test>",
        "<@x.test:a@b.test>",
        '"open <a@b.test>',
        "(open a@b.test",
        "a@b.test)",
        "a(c)b@b.test",
        "a@[192.0.2.1]",
        "a@b..test",
        "a@.test",
        ".a@b.test",
        "a.@b.test",
        "a@b@c.test",
        '"a b"@c.test',
        '"a@x.test"@c.test',
        "a@b.test\x00",
        "a\u202e@b.test",
        "a@b。test",
        "a@b．test",
        "=?utf-8?q?a=40b.test?=",
        "<=?utf-8?q?a?=@b.test>",
        "Ann",
        "a\\@b.test",
        "a@b.test\r\n",
        "a@b\udcff.test",
    ],
)
def test_doubtful_addresses_name_no_author(value):
    listing = addresses.read(value)
    assert not listing.sound or not all(mailbox.sound for mailbox in listing.mailboxes) or not listing.mailboxes


@pytest.mark.parametrize(
    ("head", "author", "problem"),
    [
        ("From: a@b.test", "a@b.test", ""),
        ("FROM:a@b.test", "a@b.test", ""),
        ("From:\r\n a@b.test", "a@b.test", ""),
        ("Subject: x", None, "no-from"),
        ("From:", None, "no-from"),
        ("From: a@b.test\r\nfrom: a@b.test", None, "multiple-from"),
        ("From: a@b.test\r\nFrom\t: a@b.test", None, "multiple-from"),
        ("From: a@b.test, c@d.test", None, "multiple-from"),
        ("From: a@b.test\r\nno colon here", None, "malformed-header"),
        (">From x Tue Apr 15\r\nFrom: a@b.test", None, "malformed-header"),
        ("From: a@b.test\r\n" + "X: y\r\n" * 10_000 + "X: y", None, "malformed-header"),
        ("From: nobody", None, "unreadable-from"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_one_author_or_a_reason(head, author, problem):
    headers = parsed(head)
    assert (headers.author, headers.from_problem) == (author, problem)


@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        ("Subject: a\r\nSubject: b", "subject"),
        ("Content-Type: text/plain\r\nX: y\r\ncontent-type: text/html\r\nTo: a\r\nTo: b\r\nTo: c", "content-type to"),
        ("Received: a\r\nReceived: b\r\nDKIM-Signature: c\r\nDKIM-Signature: d\r\nComments: e\r\nComments: f", ""),
    ],
)
def test_repeated_singletons_are_named(head, repeated):
    assert parsed(head).repeated == repeated


@pytest.mark.parametrize(
    ("head", "root"),
    [
        ("Message-ID: <abc123@example.com>", "abc123@example.com"),
        ("X: y", ""),
        ("In-Reply-To: <p@x>\r\nReferences: <r@x> <p@x>\r\nMessage-ID: <m@x>", "p@x"),
        ("References: <r@x>\r\n <p@x>\r\nMessage-ID: <m@x>", "r@x"),
        ("In-Reply-To: \r\nMessage-ID: <m@x>", "m@x"),
    ],
)
def test_thread_id_is_the_guides_formula(head, root):
    assert parsed(head).thread_id == hashlib.sha256(root.encode()).hexdigest()[:16]


def test_thread_id_vectors():
    assert parsed("Message-ID: <abc123@example.com>").thread_id == "5e8ba5eb6cc1fd88"
    assert parsed("X: y").thread_id == "e3b0c44298fc1c14"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Tue, 15 Apr 2025 14:30:22 +0000", "2025-04-15T14:30:22Z"),
        ("Tue, 15 Apr 2025 14:30:22 -0000", "2025-04-15T14:30:22Z"),
        ("Tue, 15 Apr 2025 14:30:22 +0530 (IST)", "2025-04-15T14:30:22+05:30"),
        ("15 Apr 2025 14:30 -0330", "2025-04-15T14:30:00-03:30"),
        (" 5 apr 2025 4:3:2 GMT", "2025-04-05T04:03:02Z"),
        ("Tue,15 Apr 25 14:30:22 PDT", "2025-04-15T14:30:22-07:00"),
        ("15 Apr 99 14:30:22 UT", "1999-04-15T14:30:22Z"),
        ("15 Apr 125 14:30:22 Z", "2025-04-15T14:30:22Z"),
        ("Sat, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59Z"),
        ("Tue, (c(c)) 15 Apr 2025 14:30:22 XYZ", "2025-04-15T14:30:22Z"),
        ("15 Apr 2025 14:30:22", "2025-04-15T14:30:22Z"),
        ("30 Feb 2025 14:30:22 +0000", None),
        ("15 Foo 2025 14:30:22 +0000", None),
        ("15 Apr 2025 24:30:22 +0000", None),
        ("15 Apr 2025 14:30:22 +2400", None),
        ("15 Apr 1600 14:30:22 +0000", None),
        ("31 Dec 9999 23:59:59 -0100", None),
        ("31 Dec 9998 23:59:59 -0100", "9998-12-31T23:59:59-01:00"),
        ("2025-04-15T14:30:22Z", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_dates(value, expected):
    assert dates.rfc3339(value) == expected


@pytest.mark.parametrize(
    ("claimed", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("../../../etc/cron.d/x", "x"),
        ("a\\b", "b"),
        ("a/", "a"),
        (".", ""),
        ("..", ""),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        (" _x_ ", "x"),
        ("a\x00\x1f\u202eb", "a_b"),
        ("e\u0301.txt", "é.txt"),
        ("x" * 300 + ".tar", "x" * 196 + ".tar"),
        ("é" * 300, "é" * 100),
        ("2025-04-15-143022-hello.md", "attachment-2025-04-15-143022-hello.md"),
        ("2025-04-15-143022.md", "attachment-2025-04-15-143022.md"),  # a second of that name gets a number
        ("notes.md", "notes.md"),
        ("=?utf-8?q?na=C3=AFve.txt?=", "naïve.txt"),
        ("\udcff.txt", "ÿ.txt"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_names_are_safe(claimed, name):
    assert attachments.safe_name(claimed) == name


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("ISO-8859-1", "cp1252"),
        ("iso-8859-15", "iso8859-15"),
        ("Windows-1251", "cp1251"),
        ("ISO-2022-JP", "iso2022-jp-ext"),
        ("Shift_JIS", "cp932"),
        ("GB2312", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("x-mac-roman", "mac-roman"),
        *[(label, None) for label in ("rot13", "rot_13", "zlib", "zlib_codec", "hex", "base64", "bz2", "uu", "idna")],
        *[
            (label, None)
            for label in ("punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "mbcs", "undefined")
        ],
        *[(label, None) for label in ("", "x" * 10_000, "../utf8", "charmap", "quopri", "cp65001", "string-escape")],
    ],
    ids=lambda value: str(value)[:20],
)
def test_only_text_codecs(label, codec):
    assert charset.codec(label) == codec


@pytest.mark.parametrize("name", sorted(charset.CODECS))
def test_every_listed_codec_decodes_anything(name):
    assert isinstance(bytes(range(256)).decode(name, "replace"), str)


@pytest.mark.parametrize(
    ("octets", "content"),
    [
        (b"SGVsbG8=", b"Hello"),
        (b"SGVs\r\nbG8", b"Hello"),
        (b"SGVsbG8=\r\nSGVsbG8=", b"Hello"),
        (b"SGVsbG8*!", b"Hello"),
        (b"S", b"S"),
        (b"", b""),
        (b"====", b""),
    ],
)
def test_base64_is_lenient(octets, content):
    assert transfer.base64(octets)[: len(content)] == content


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b" text/plain", ("text/plain", {})),
        (b" TEXT/Plain; Charset=UTF-8", ("text/plain", {"charset": "UTF-8"})),
        (b' multipart/mixed; boundary="a b;c"; x=y', ("multipart/mixed", {"boundary": "a b;c", "x": "y"})),
        (b" text/plain (a comment); charset=(c)us-ascii", ("text/plain", {"charset": "us-ascii"})),
        (b" nonsense; name=a", ("text/plain", {"name": "a"})),
        (b"", ("text/plain", {})),
        (b" a/b; x*0=1; x*2=3; x*1=2", ("a/b", {"x": "123"})),
        (b" a/b; x*0=1; x*2=3", ("a/b", {"x": "1"})),
        (b" a/b; x*=utf-8''%E2%82%AC; x=fallback", ("a/b", {"x": "€"})),
        (b" a/b; x=first; x=second", ("a/b", {"x": "first"})),
        (b' a/b; name="C:\\new\\"q\\".txt"', ("a/b", {"name": 'C:\\new"q".txt'})),
        (b' a/b; x="never closed', ("a/b", {"x": "never closed"})),
    ],
)
def test_media_types(raw, expected):
    assert structured.content_type(raw, "text/plain") == expected


@pytest.mark.parametrize(
    ("subject", "slug"),
    [
        ("Hello World", "hello-world"),
        ("!!!", "no-subject"),
        ("This is a very long subject indeed", "this-is-a-very-long"),
        ("Héllo Wörld!", "héllo-wörld"),
        ("a_b", "a-b"),
        ("../../etc", "etc"),
        ("e\u0301", "é"),
        ("日本語のメール", "日本語のメール"),
        ("½ ²", "½-²"),
        ("a\u0000\u202eb", "a-b"),
    ],
)
def test_slugs(subject, slug):
    assert layout.slug(subject) == slug


@pytest.mark.parametrize(
    "value", ['"a\\"b"', "'a\"b'", '"""a"b"""', "'''a\"b'''", '"""\na"b"""', '"a\\u0022b"'], ids=range(6)
)
def test_every_toml_string_form_is_read(value):
    fields, rest = frontmatter.read(f"+++\nsubject = {value}\nread = false\n+++\n\nbody\n+++\n".encode())
    assert fields == {"subject": 'a"b', "read": False}
    assert rest == b"body\n+++\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"no",
        b"+++",
        b"+++\n",
        b"+++\na = 1\n",
        b" +++\n+++\n",
        b"++++\n+++\n",
        b"+++\na\n+++\n",
        b"+++\na = \xff\n+++\n",
        b"\n+++\n+++\n",
        b"+++\na = 1\n++++\n",
        b"+++\nx = " + b"[" * 5000 + b"\n+++\n",
    ],
    ids=range(12),
)
def test_what_is_no_document_is_refused(octets):
    with pytest.raises(Refused):
        frontmatter.read(octets)


def test_crlf_documents_are_read():
    assert frontmatter.read(b"+++\r\na = 1\r\n+++\r\n\r\nbody\r\n") == ({"a": 1}, b"body\r\n")


def test_header_values_lose_what_is_invisible():
    hostile = "".join(
        map(chr, [*range(32), 127, *range(128, 160), 0xAD, 0x200B, 0x202E, 0x2028, 0xFEFF, 0xE0041, 0xD800])
    )
    assert clean.one_line(f"a{hostile}b") == "a b"


def test_bodies_keep_text_and_lose_controls():
    assert clean.body("a\r\nb\rc\x1b[2Jd\x00\t\u200de\x0c") == "a\nb\nc\ufffd[2Jd\ufffd\t\u200de\n"


@pytest.mark.parametrize(
    ("source", "delsp", "expected"),
    [
        ("a \nb\n", False, "a b\n"),
        ("a \nb\n", True, "ab\n"),
        ("> a \n> b\nc", False, "> a b\nc"),
        ("> a \nb", False, "> a \nb"),
        (" >not quoted\n", False, ">not quoted\n"),
        ("a \n-- \nb", False, "a \n-- \nb"),
        ("a ", False, "a "),
    ],
)
def test_flowed_text(source, delsp, expected):
    assert body.unflowed(source, delsp) == expected


def test_unexamined_mail_keeps_its_text_and_believes_nothing():
    message = unexamined(b"From: a@b.test\r\nSubject: x\r\n\r\n\x1b[2J\xff", 1744727423.0)
    assert message.body == "From: a@b.test\nSubject: x\n\n\ufffd[2J\ufffd"
    assert message.headers.author is None
    assert not message.headers.automated
    assert not message.examined
    assert unexamined(b"", 0.0, Envelope("", (), "192.0.2.1", "h.test", 0.0).bounce).headers.automated
    assert not unexamined(b"", 0.0, Envelope("", (), None, "h.test", 0.0).bounce).headers.automated


def test_a_warm_worker_imports_nothing_more():
    """What a worker loads after dropping its rights may be unreadable for it."""
    code = (
        "import sys; from aimx.worker.job import Examiner; Examiner().warm_up(); before = set(sys.modules)\n"
        "from aimx.mime.read import read_message; from tests.mime import inbound\n"
        "before |= {name for name in sys.modules if name.startswith('tests')}\n"
        "for path in inbound.DIRECTORIES: read_message(inbound.message(path), inbound.envelope(path)[0])\n"
        "late = set(sys.modules) - before\n"
        "extra = {name for name in late if name.startswith(('encodings', '_codecs', 'html', 'unicodedata'))}\n"
        "assert not extra, extra\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=inbound.ROOT.parents[1])
