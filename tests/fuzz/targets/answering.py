"""What a person or an agent does with a stranger's mail: answers and forwards, its links, the names of its files."""

import re
from pathlib import Path
from urllib.parse import unquote

from aimx import limits
from aimx.drafting import answers, forwards
from aimx.mime import addresses, parse, parts
from aimx.mime.submission import submission
from aimx.model.address import Address, NamedAddress, folded
from aimx.model.draft import Draft, DraftFile
from aimx_tui import safe
from aimx_tui.dash.mail import document, links, saving
from aimx_tui.dash.mail.document import Link
from aimx_tui.dash.mail.words import Attachment
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.composing import _MARKS
from tests.fuzz.targets.pieces import fields, legal, text

_SENDER = NamedAddress("", Address("ops", "agent.test"))
_KEYS = ("from", "reply_to", "to", "cc", "subject", "references", "message_id", "date")
_ADDRESSES = (
    b'a@b.test <c@d.test> , ; : " ( ) \\ @ . ~ =?utf-8?q?=0d=0aBcc:~x@y.test?= Bcc:~ \\r\\n \\n \xe2\x80\xa8 \x85 \\0 \\t \xc3\xa4 '
    b'Re:~ RE: Fwd:~ Fw: <1@b.test> < > >< ops@agent.test OPS@AGENT.TEST [1.2.3.4] a@[1.2.3.4] "a~b"@c.test g:a@b; \x1e --b +++'
)


def _original(octets: bytes) -> tuple[dict[str, object], str, list[str]]:
    """A frontmatter as whoever wrote the mail, or edited its file, wants it; the text; three words of an attachment."""
    found = [legal(one) for one in fields(octets, len(_KEYS) + 4)]
    head, (name, kind, path, body) = found[: len(_KEYS)], found[len(_KEYS) :]
    original: dict[str, object] = dict(zip(_KEYS, head, strict=True))
    original["attachments"] = [{"filename": name, "content_type": kind, "path": path}, 5, {"filename": 1}]
    return original, body, [name, kind, path]


def _answer(original: dict[str, object]) -> Draft:
    to = answers.author(original)
    parent = answers.parent(original)
    return Draft(
        _SENDER, to, answers.subject(original), "x\r\n", 0.0, "made@agent.test",
        answers.copied(original, True, (), (*to, _SENDER)), (), *parent, references=answers.chain(original),
    )  # fmt: skip


def _drafted(octets: bytes) -> None:
    original, body, _ = _original(octets)
    submission(_answer(original))
    forwards.body("note", original, body, False)


@target(
    "drafting",
    "aimx/drafting/ aimx/mime/submission aimx/mime/write aimx/mime/addresses",
    _ADDRESSES,
    seeds=lambda: [
        b'"Al, B" <al@b.test>\x1e\x1eops@agent.test, c@d.test\x1ee@f.test\x1eRe: hi\x1e<1@b.test>\x1e2@b.test\x1e2025-04-15T14:30:22Z\x1ea.png\x1eimage/png\x1ea.png\x1eline\n> two\n',
        b"a@b.test\x1ec@d.test\x1e\x1e\x1e\xc3\xa4\xe2\x82\xac\x1e\x1e\x1e\x1e\x1e\x1e\x1e",
    ],
    longest=2000,
    bound=1 << 18,
    cost=_drafted,
    within_s=PROGRAM_S,
    frames=(
        Frame(),
        Frame(b"a@b.test\x1e\x1e"),
        Frame(b"a@b.test\x1e\x1e\x1e\x1e"),
        Frame(b"a@b.test\x1e\x1e\x1e\x1e\x1e"),
        Frame(b"\x1e" * 11),
    ),
    units=(b"a@b.test, ", b"<a@b> ", b"a ", b"_", b"\n", b"\xc3\xa4"),
    nests=((b"(", b")"), (b"<", b">"), (b'"', b'"')),
)
def drafting(octets: bytes) -> None:
    """An answer can always be written: to its addresses and nobody else, in one field each; what is quoted stays so."""
    original, body, words = _original(octets)
    draft = _answer(original)
    file = forwards.files(original)[0]
    assert parts.is_media_type(forwards.sent_type(file))
    wire = submission(draft._replace(attachments=(DraftFile("a", forwards.sent_type(file), b"x"),)))
    head = parse.entities(wire)[0].fields
    names = [name for name, _ in head]
    assert len(set(names)) == len(names) and "bcc" not in names
    told = {name: value.decode() for name, value in head}
    for name, named in (("to", draft.to), ("cc", draft.cc)):
        read = addresses.read(told.get(name, "")).mailboxes
        assert [box.addr_spec for box in read] == [str(one.address) for one in named]
    everybody = [folded(str(one.address)) for one in (*draft.to, *draft.cc)]
    assert len(set(everybody)) == len(everybody)
    assert folded("ops@agent.test") not in [folded(str(one.address)) for one in draft.cc]
    assert answers.subject({"subject": draft.subject}) == draft.subject.strip()
    assert len(draft.references) <= limits.REFERENCES_WRITTEN
    _forward(original, body)
    assert not words or file.filename == words[0]


def _forward(original: dict[str, object], body: str) -> None:
    subject = forwards.subject(original)
    assert forwards.subject({"subject": subject}) == subject.strip() and len(subject.splitlines()) == 1
    for plain in (False, True):
        lines = forwards.body("", original, body, plain).split("\n")
        quoted = body.rstrip("\n").split("\n")
        head, rest = lines[2 : -len(quoted) - 2], lines[-len(quoted) - 1 :]
        assert [line[2:] for line in rest] == [*quoted, ""] and all(line.startswith(">") for line in rest[:-1])
        assert len(head) <= 5 and all(re.match(r"\**(From|Date|Subject|To|Cc):|$", line) for line in head)
    # A mark of Markdown or HTML in a header stays text.
    assert not re.search(r"(?<!\\)[\[\]`*#|~&!]|[<>]", answers.escaped(legal(str(original["from"]).encode())))


def _host(target: str) -> str:
    """Where a browser would go (the URL standard: a backslash is a slash, the host is percent-decoded)."""
    rest = target.partition(":")[2].replace("\\", "/").lstrip("/")
    authority = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = unquote(re.sub(r":\d*$", "", authority)).lower()
    return re.sub(r"^\[([0-9a-f:.]+)\]$", r"\1", host)


def _judged(octets: bytes) -> None:
    label, leads = (text(one) for one in fields(octets, 2))
    links.judge(Link(label, leads))


@target(
    "links",
    "aimx_tui/dash/mail/links aimx_tui/dash/mail/saving",
    b"https:// http:// mailto: javascript: file:/// data: // \\ / @ : . ? # % %2f %40 %2e %5c www. good.test evil.test xn--a [::1] : 80 \x1e ~ \xe2\x80\xae \xc3\xa4 \xef\xbc\x8f \\t \\n ../ ~/ .. -rf \\0",
    seeds=lambda: [
        b"good.test\x1ehttps://evil.test/",
        b"https://good.test\x1ehttps://good.test@evil.test/x",
        b"a\x1emailto:a%20b@c.test",
        b"x\x1ehttp://www.good.test:80/a?b#c",
    ],
    longest=400,
    cost=_judged,
    frames=(Frame(), Frame(b"a\x1ehttps://"), Frame(b"", b"\x1ehttps://a.test/")),
    units=(b"a.", b"a-", b"a@", b"a:", b"%41", b"http://a"),
)
def judged_links(octets: bytes) -> None:
    """What is opened leads where the dialog says; the name of a file is no path and nothing hidden."""
    label, leads = (text(one) for one in fields(octets, 2))
    link = Link(safe.line(label), leads)
    found = links.judge(link)
    assert all(safe.line(warning).isprintable() for warning in found.warnings)
    assert found.address.isprintable()
    if found.opens == "web":
        assert leads.lower().startswith(("http://", "https://")) and leads.isprintable()
        host = _host(leads)
        said = links.judge(Link("nowhere.invalid", leads)).warnings
        assert any(warning.endswith(f"leads to {host}.") for warning in said) or host == "nowhere.invalid", (host, said)
        if re.fullmatch(r"[a-z]+\.(test|example)", link.label) and link.label != host.removeprefix("www."):
            assert found.warnings or host.endswith(f".{link.label}"), (link.label, host)
    name = saving._name(Attachment(label, "", 0, ""))
    assert "/" not in name and "\0" not in name and name[:1] not in (".", "-", "~", "") and len(name) <= 200
    assert name.isprintable() and Path(name).name == name
    assert re.fullmatch(r"(\.[A-Za-z0-9]{1,8})?", (saving._ENDING.search(label) or [""])[0])


def _drawn(octets: bytes) -> None:
    document.markdown(legal(octets), 80, document.Colours())


@target(
    "reader",
    "aimx_tui/dash/mail/marked aimx_tui/dash/mail/document",
    _MARKS,
    seeds=lambda: [
        b'# a\n\ntext <b>x</b> [good](https://evil.test "t") ![i](http://a.b/c)\n\n|a|b|\n|-|-|\n|c|d|\n\n- x\n  1. y\n\n> z\n\n```sh\ncode\n```\n'
    ],
    longest=800,
    bound=limits.TUI_MARKDOWN_CHARACTERS,
    cost=_drawn,
    within_s=PROGRAM_S,
    frames=(Frame(), Frame(b"> "), Frame(b"[a](", b")"), Frame(b"|a|\n|-|\n|")),
    units=(b"a ", b"*a ", b"[a](b) ", b"- a\n", b"> a\n", b"|a|", b"`a", b"http://a.b ", b"\xe3\x81\x82"),
    nests=((b"[", b"]"), (b"*", b"*"), (b"> ", b""), (b"- ", b"")),
)
def reader(octets: bytes) -> None:
    """Whatever a mail says, its lines can be shown and links are numbers of the list; letters stay what they were."""
    source = legal(octets)
    drawn = document.markdown(source, 60, document.Colours())
    shown = []
    for line in drawn.lines:
        for segment in [line] if isinstance(line, str) else line:
            words = segment if isinstance(segment, str) else segment.text
            assert words.isprintable(), ascii(words)
            shown.append(words)
            if not isinstance(segment, str) and segment.style is not None:
                assert segment.style.link is None
                number = segment.style.meta.get("link")
                assert number is None or 0 <= number < len(drawn.links)
    for link in drawn.links:
        links.judge(link)
    if re.fullmatch(r"[\w\s.]*", source) and not re.search(r"^\s*\d+\.|_", source, re.MULTILINE):
        assert re.findall(r"\w", "".join(shown)) == re.findall(r"\w", safe.whole(source.translate(document.SPACES)))
