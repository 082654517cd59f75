"""300 generated submissions, composed, say what they said: to our reader, and to the standard library's.

And no octets at all make a worker break: they are composed, or refused.
"""

import email
import email.policy

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import Refused
from aimx.mime import attachments, block, clean, compose, outbound, parse
from aimx.mime.read import read_message
from aimx.mime.submission import submission
from aimx.model.address import Address, NamedAddress
from aimx.model.draft import Draft, DraftFile
from aimx.model.envelope import Envelope
from aimx.model.outbound import Composed, ComposeOrder
from tests.mime.test_total import FRAGMENTS

AT = 1_744_727_422.0
ENVELOPE = Envelope("ops@agent.test", (), "192.0.2.1", "agent.test", 0.0)
ANY = st.characters(exclude_categories=("Cs", "Cc"))
HOSTILE = st.sampled_from(list("\"\\()<>[]:;@,.=?_%'*/-é日🎉\u200d\ufe0f\u202e\u2028 "))
LINES = st.text(st.one_of(ANY, HOSTILE), max_size=120)
NAMES = st.one_of(LINES, st.sampled_from(["", "=?utf-8?q?x?=", "a" * 300, "ceo@agent.test", "\u00e9" * 200, "../../x"]))
WORDS = st.sampled_from(["word", "From ", ".", "..", "\n", "\n\n", "\t", "  \n", "\r\n", "\r", "é", "日本語", "=3D",
                         "x" * 998, "y" * 999, "--aimx-", "\0", "\x1b[0m", "# H\n", "<b>", "\x0c"])  # fmt: skip
BODIES = st.one_of(st.text(st.characters(exclude_categories=("Cs",)), max_size=300), st.lists(WORDS).map("".join))
SPECS = st.sampled_from(["a@b.test", "x.y+z@sub.b.test", "o'neil@b.test", "z@bücher.test", "jürgen@remote.test"])
TYPES = st.sampled_from(
    ["text/plain", "image/png", "application/pdf", "message/rfc822", "multipart/mixed", "x-a/x-b+c"]
)


def named(name: str, spec: str) -> NamedAddress:
    return NamedAddress(name, Address(*spec.split("@")))


def lists(least: int = 0) -> st.SearchStrategy:
    return st.lists(st.builds(named, NAMES, SPECS), min_size=least, max_size=4).map(tuple)


DRAFTS = st.builds(
    Draft,
    from_=st.builds(named, NAMES, st.just("ops@agent.test")),
    to=lists(1),
    cc=lists(),
    bcc=lists(),
    reply_to=lists(),
    subject=LINES,
    body=BODIES,
    date=st.integers(0, 4_000_000_000).map(float),
    message_id=st.just("1@agent.test"),
    in_reply_to=st.sampled_from(["", "2@b.test"]),
    references=st.lists(st.sampled_from(["a@b", "root.1@example.com", "x" * 300 + "@b"]), max_size=9).map(tuple),
    attachments=st.lists(st.builds(DraftFile, NAMES, TYPES, st.binary(max_size=120)), max_size=3).map(tuple),
)
PATHS = st.sampled_from(
    [("text", True, None), ("markdown", False, None), ("html", False, b"<p>Gr\xc3\xbc\xc3\x9fe</p>")]
)
SIGNATURES = st.sampled_from(["", "Sent from AIMX.  \nhttps://aimx.email", "Grüße"])
FUZZ = settings(max_examples=300, deadline=None, derandomize=True,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])  # fmt: skip


def text(body: str) -> str:
    lines = body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return lines if lines.endswith("\n") else lines + "\n"


def shown(value: str) -> str:
    """A display name or a subject as a reader shows it; blanks at its ends say nothing."""
    return clean.one_line(block.plain(value))


def ink(name: str) -> str:
    """A name without blanks: the standard library keeps those between the encoded words of one long name."""
    return "".join(shown(name).split())


def utf_8(text: str) -> str:
    """Raw octets as the standard library keeps them."""
    return text.encode("utf-8", "surrogateescape").decode()


def pairs(addresses: tuple[NamedAddress, ...]) -> list[tuple[str, str]]:
    return [(ink(one.display_name), spec(one)) for one in addresses]


def spec(one: NamedAddress) -> str:
    return str(one.address).replace("bücher", "xn--bcher-kva")


@FUZZ
@given(DRAFTS, PATHS, SIGNATURES)
def test_a_composed_message_says_what_was_submitted(draft, path, signature):
    written, text_only, html = path
    octets = submission(draft)
    facts = outbound.read(octets, "made@agent.test", 0.0)
    composed = compose.compose(ComposeOrder(octets, html, text_only, signature, "made@agent.test", 0.0))
    outbound.check(facts, composed.head)
    wire = composed.head + b"\r\n" + composed.body
    assert composed.format == written
    assert composed == compose.compose(ComposeOrder(octets, html, text_only, signature, "made@agent.test", 0.0))
    assert b"\nbcc:" not in composed.head.lower()
    lines_are_legal(composed)
    said = compose.signed(text(draft.body), signature)
    assert composed.source == said
    our_reader(draft, wire, said, composed)
    standard_library(draft, wire, said, composed, html)


def lines_are_legal(composed: Composed) -> None:
    for line in (composed.head + b"\r\n" + composed.body).split(b"\r\n"):
        assert b"\r" not in line and b"\n" not in line and len(line) <= limits.LINE_OCTETS
    assert composed.body.isascii() and composed.body.endswith(b"\r\n")


def our_reader(draft: Draft, wire: bytes, said: str, composed: Composed) -> None:
    parsed = read_message(wire, ENVELOPE)
    headers = parsed.headers
    assert (headers.author, headers.repeated, headers.message_id) == ("ops@agent.test", "", "1@agent.test")
    assert headers.subject == (shown(draft.subject) or "(no subject)")
    assert headers.in_reply_to == draft.in_reply_to
    assert headers.references == " ".join(draft.references)
    if said.strip() or composed.format == "text":  # a reader shows the HTML when there is no text at all
        assert parsed.body.rstrip("\n") == clean.body(said).rstrip("\n")
    assert [file.content for file in parsed.attachments] == [file.content for file in draft.attachments]
    assert [file.filename for file in parsed.attachments] == [file.filename for file in composed.attachments]
    for file, sent in zip(draft.attachments, parsed.attachments, strict=True):
        wanted = attachments.safe_name(file.filename)
        assert not wanted or sent.filename.startswith(wanted.rpartition(".")[0] or wanted[:50])


def standard_library(draft: Draft, wire: bytes, said: str, composed: Composed, html: bytes | None) -> None:
    read = email.message_from_bytes(wire, policy=email.policy.default)
    assert shown(str(read["subject"])) == shown(draft.subject)
    for name, addresses in (("from", (draft.from_,)), ("to", draft.to), ("cc", draft.cc), ("reply-to", draft.reply_to)):
        field = read[name]
        found = [] if field is None else [(ink(a.display_name), utf_8(a.addr_spec)) for a in field.addresses]
        assert found == pairs(addresses)
    plain = read.get_body(("plain",))
    assert plain is not None and text(plain.get_content()).rstrip("\n") == said.rstrip("\n")
    rich = read.get_body(("html",))
    assert (rich is None) == (composed.format == "text")
    if html is not None:
        assert text(rich.get_content()) == html.decode() + "\n"
    files = list(read.iter_attachments()) if draft.attachments else []
    contents = [file.get_payload(decode=True) if not file.is_multipart() else None for file in files]
    assert len(files) == len(draft.attachments)
    for content, file in zip(contents, draft.attachments, strict=True):
        assert content is None or content == file.content
    assert [shown(file.get_filename() or "") for file in files] == [shown(f.filename) for f in draft.attachments]


HEADS = st.sampled_from([b"", b"From: ops@agent.test\r\nTo: b@c.test\r\n", b"From: ops@agent.test\nTo: b@c.test\n",
                         b"From: a@b.test\nTo: b@c.test\nContent-Type: multipart/mixed; boundary=b\n\n"])  # fmt: skip
OCTETS = st.one_of(
    st.tuples(HEADS, st.binary(max_size=300)).map(b"".join),
    st.tuples(HEADS, st.lists(FRAGMENTS, max_size=60).map(b"".join)).map(b"".join),
)


@FUZZ
@given(OCTETS, PATHS, st.booleans())
@example(
    b"From: a@b.test\nTo: b@c.test\nContent-Type: multipart/alternative; boundary=b\n\n--b--", ("", True, None), True
)
def test_any_octets_are_composed_or_refused(octets, path, auto):
    _, text_only, html = path
    try:
        facts = outbound.read(octets, "made@agent.test", AT)
        composed = compose.compose(ComposeOrder(octets, html, text_only, "s", "made@agent.test", AT, auto))
    except Refused as error:
        assert error.reason.isprintable()
        return
    outbound.check(facts, composed.head)
    assert parse.entities(octets)[0].start == block.split(octets).body
    lines_are_legal(composed)
