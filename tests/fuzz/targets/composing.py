"""What agents and people send: Markdown to HTML, and submissions to wire messages."""

from html.parser import HTMLParser

from aimx import limits
from aimx.errors import BodyTooLarge, Refused
from aimx.mime import compose, outbound, render
from aimx.mime.markdown import html
from aimx.mime.read import read_message
from aimx.model.envelope import Envelope
from aimx.model.outbound import ComposeOrder
from tests.fuzz.target import WORKER_S, Frame, files, target
from tests.fuzz.targets.pieces import fields, legal
from tests.mime.pathological import INPUTS
from tests.mime.test_render import TAGS

_AT = 1_744_727_422.0
_ENVELOPE = Envelope("ops@agent.test", (), "192.0.2.1", "agent.test", 0.0)
_MARKS = (
    b"# ## * ** *** _ __ ~~ ` `` ``` ~~~ > - + 1. 1) [ ] ( ) ! ![ ]( ][ []: [^a] [^a]: [x]~ | |-|-| --- === \\n \\n\\n ~~~~~ \\t "
    b"< > <a> <!-- --> & &amp; &#0; &#x110000; http:// https://a.b www. a@b.c \\\\ \\r \\0 \" ' <http://a.b> <div> <script> javascript: ~~\\n"
)


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]


def _body(octets: bytes) -> None:
    try:
        render.body(legal(octets))
    except BodyTooLarge:
        return


@target(
    "markdown",
    "aimx/mime/markdown/ aimx/mime/render",
    _MARKS,
    longest=1200,
    bound=1 << 20,
    cost=_body,
    seeds=lambda: files("fixtures/markdown/**/*.md", most=1500) + [make(200).encode() for make in INPUTS.values()],
    frames=(
        Frame(),
        Frame(b"> "),
        Frame(b"- "),
        Frame(b"[a](", b")"),
        Frame(b"|a|\n|-|\n|"),
        Frame(b"[^a]: x\n\n"),
        Frame(b"[a]: b\n\n"),
    ),
    units=(
        b"a*",
        b"*a ",
        b"[a](b) ",
        b"![a",
        b"`a",
        b"`a`` ",
        b"<a ",
        b"a_b",
        b"- a\n",
        b"> a\n",
        b"1. a\n\n",
        b"a\n",
        b"a|",
        b"|a|b|\n",
        b"[^a]",
        b"http://a.b ",
        b"**a** ",
        b"&amp;",
        b"[a]: b\n",
        b"~~a~~",
        b"\\*",
        b"  \n",
        b"<b>",
        b"a@b.c ",
        b"[a][b]",
    ),
    nests=(
        (b"[", b"]"),
        (b"(", b")"),
        (b"**", b"**"),
        (b"*", b"*"),
        (b"[", b"](b)"),
        (b"<", b">"),
        (b"_*", b"*_"),
        (b"`", b"`"),
    ),
    within_s=WORKER_S,
)
def markdown(octets: bytes) -> None:
    """HTML of known tags, without scripts, the same every time; or too large."""
    source = legal(octets)
    try:
        found = render.body(source, html.MAIL_BOXES)
    except BodyTooLarge:
        return
    seen = _Seen()
    seen.feed(found)
    seen.close()
    assert seen.tags <= TAGS, seen.tags - TAGS
    for one in seen.targets:
        assert not one.strip().lower().startswith(("javascript:", "data:", "vbscript:", "file:")), one
    assert render.body(source, html.MAIL_BOXES) == found


def _rendered(octets: bytes) -> None:
    try:
        render.render(legal(octets))
    except BodyTooLarge:
        return


@target(
    "render",
    "aimx/mime/render aimx/mime/stylesheet aimx/mime/markdown/html",
    _MARKS,
    longest=400,
    bound=1 << 18,
    seeds=lambda: files("fixtures/markdown/features/*.md", most=600),
    frames=(Frame(), Frame(b"- ")),
    units=(b"**a** ", b"a\n\n", b"[a](b)", b"- a\n", b"|a|b|\n"),
    within_s=WORKER_S,
)
def rendered(octets: bytes) -> None:
    """A whole document, within its bound."""
    _rendered(octets)


def _submissions() -> list[bytes]:
    return [b"0\x1e\x1e" + octets for octets in files("fixtures/outbound/*.eml", most=3000)] + [
        b"0\x1esig\x1eFrom: ops@agent.test\r\nTo: b@c.test\r\nSubject: x\r\n\r\nhi\r\n",
        b"1\x1e\x1eFrom: ops@agent.test\nTo: b@c.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: image/png; name=a\n\ny\n--b--\n",
    ]  # fmt: skip


def _composed(octets: bytes) -> "tuple[object, object] | None":
    mode, signature, mail = fields(octets, 3)
    rich = b"<p>x" if mode[:1] == b"h" else None
    try:
        facts = outbound.read(mail, "made@agent.test", _AT)
        order = ComposeOrder(mail, rich, mode[:1] == b"1", legal(signature), "made@agent.test", _AT)
        return facts, compose.compose(order)
    except Refused as error:
        assert error.reason.isprintable(), ascii(error.reason)
        return None


@target(
    "compose",
    "aimx/mime/",
    b"From:~ops@agent.test\\r\\n To:~b@c.test\\r\\n Cc:~ Bcc:~ Subject:~ Reply-To:~ References:~ In-Reply-To:~ Message-ID:~ Date:~ MIME-Version:~1.0\\r\\n "
    b"Content-Type:~ multipart/mixed;~boundary=b multipart/alternative;~boundary=c text/html text/markdown ;~charset=utf-16 ;~name=\"a b\" ;~filename*=utf-8''%c3 "
    b'Content-Transfer-Encoding:~ base64 quoted-printable --b --b-- --c \\r\\n \\n \\r\\n\\r\\n \\r =?utf-8?q?=0d=0a?= <a@b.test> , ; " ( ) \xc3\xa4 X-A:~ # ** | \x1e',
    seeds=_submissions,
    longest=2500,
    bound=1 << 17,
    cost=lambda octets: _composed(octets) and None,
    frames=tuple(
        Frame(b"0\x1e\x1eFrom: ops@agent.test\r\nTo: b@c.test" + more)
        for more in (
            b"\r\n\r\n",
            b", ",
            b"\r\nSubject: ",
            b"\r\nReferences: ",
            b"\r\nX-A: ",
            b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
            b"\r\n",
        )
    ),
    units=(b"a@b.test, ", b"<a@b>\r\n ", b"X-A: b\r\n", b"\xc3\xa4", b"a ", b"--b\r\n\r\nx\r\n", b"\r\n "),
    within_s=WORKER_S,
)
def submissions(octets: bytes) -> None:
    """A submission is refused, or a wire message: legal lines, no Bcc, the same to our reader."""
    made = _composed(octets)
    if made is None:
        return
    facts, composed = made
    outbound.check(facts, composed.head)
    wire = composed.head + b"\r\n" + composed.body
    bare = wire.replace(b"\r\n", b"")
    assert b"\r" not in bare and b"\n" not in bare
    assert all(len(line) <= limits.LINE_OCTETS for line in wire.split(b"\r\n"))
    assert composed.body.isascii() and b"\0" not in wire
    names = [
        line.partition(b":")[0].lower() for line in composed.head.split(b"\r\n") if line[:1] not in (b" ", b"\t", b"")
    ]
    assert b"bcc" not in names and len(set(names) & {b"from", b"message-id", b"date"}) == 3
    assert len([name for name in names if name == b"from"]) == 1
    parsed = read_message(wire, _ENVELOPE)
    assert parsed.headers.author == f"{facts.author.local_part}@{facts.author.domain}" or parsed.headers.author == str(
        facts.author
    )
