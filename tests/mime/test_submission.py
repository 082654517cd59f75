"""What a Draft says is what two independent parsers read: ours and the standard library's."""

import email
import email.policy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx.errors import Refused
from aimx.mime.read import read_message
from aimx.mime.submission import submission
from aimx.model.address import Address, NamedAddress
from aimx.model.draft import Draft, DraftFile
from aimx.model.envelope import Envelope

ENVELOPE = Envelope("ops@agent.test", (), "192.0.2.1", "agent.test", 0.0)
NAME = "abcXYZ 09éß日🎉,;:@\"\\()<>[]=?_.-'%"
FAST = settings(max_examples=150, deadline=None, derandomize=True)


def named(name: str, address: str) -> NamedAddress:
    local, _, domain = address.partition("@")
    return NamedAddress(name, Address(local, domain))


def draft(**changes) -> Draft:
    values = {
        "from_": named("Ops", "ops@agent.test"),
        "to": (named("", "alice@example.com"),),
        "subject": "Hello",
        "body": "Hi\n",
        "date": 1744727422.0,
        "message_id": "1@agent.test",
    }
    return Draft(**{**values, **changes})


def text(alphabet: str, **sizes) -> st.SearchStrategy[str]:
    return st.text(alphabet=alphabet, **sizes).map(lambda value: " ".join(value.split()))


DRAFTS = st.builds(
    draft,
    from_=st.builds(named, text(NAME, max_size=40), st.just("ops@agent.test")),
    to=st.lists(
        st.builds(named, text(NAME, max_size=200), st.sampled_from(["a@b.test", "x.y+z@sub.b.test"])), min_size=1
    ).map(tuple),
    subject=text(NAME, min_size=1, max_size=300),
    body=st.text(alphabet="aé日 \n\t=.-+>\r\x0b" + "F", max_size=400),
    references=st.lists(st.sampled_from(["a@b", "root.1@example.com"]), max_size=5).map(tuple),
    attachments=st.lists(
        st.builds(DraftFile, text("ab é日.\"\\%';=*", max_size=90), st.just("image/png"), st.binary(max_size=200)),
        max_size=3,
    ).map(tuple),
)


def lines(body: str) -> str:
    return re.sub(r"\r\n?|[\x0b\x0c]", "\n", body).rstrip("\n")


@FAST
@given(DRAFTS)
def test_draft_reads_back(message):
    octets = submission(message)
    parsed = read_message(octets, ENVELOPE)
    headers = parsed.headers
    assert headers.author == "ops@agent.test"
    assert headers.repeated == ""
    assert headers.from_ == str_of(message.from_)
    assert headers.to == str_of(message.to[0])
    assert headers.subject == (message.subject or "(no subject)")
    assert headers.message_id == "1@agent.test"
    assert headers.references == " ".join(message.references)
    assert headers.date == "2025-04-15T14:30:22Z"
    assert lines(parsed.body) == lines(message.body)
    assert [file.content for file in parsed.attachments] == [file.content for file in message.attachments]


def str_of(address: NamedAddress) -> str:
    name = address.display_name
    if re.search(r'[()<>\[\]:;@\\,"]', name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address.address}>" if name else str(address.address)


@FAST
@given(DRAFTS)
def test_the_standard_library_agrees(message):
    octets = submission(message)
    read = email.message_from_bytes(octets, policy=email.policy.default)
    assert not read.defects
    assert str(read["subject"]) == message.subject
    assert [a.addr_spec for a in read["to"].addresses] == [str(a.address) for a in message.to]
    assert [a.display_name for a in read["to"].addresses] == [a.display_name for a in message.to]
    body = read.get_body(("plain",))
    assert body is not None
    assert lines(body.get_content()) == lines(message.body)
    files = list(read.iter_attachments()) if message.attachments else []
    assert [file.get_content() for file in files] == [file.content for file in message.attachments]
    assert [file.get_filename() or "" for file in files] == [file.filename for file in message.attachments]


@FAST
@given(DRAFTS)
def test_lines_are_legal(message):
    octets = submission(message)
    assert octets == submission(message)
    assert octets.endswith(b"\r\n") or not message.body
    for line in octets.split(b"\r\n"):
        assert b"\r" not in line and b"\n" not in line and b"\0" not in line and len(line) <= 998
    head = octets.partition(b"\r\n\r\n")[0]
    assert head.isascii()


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\r\nBcc: x@evil.example"},
        {"subject": "a\0b"},
        {"from_": named("Ops\nBcc: x", "ops@agent.test")},
        {"to": (named("", "a b@example.com"),)},
        {"to": (named("", "a@example.com>,<evil@example.com"),)},
        {"to": (named("", "a\r\nb@example.com"),)},
        {"cc": (named("", "@example.com"),)},
        {"message_id": "a>\r\nX: y"},
        {"in_reply_to": "a b"},
        {"references": ("a@b", "c\nd")},
        {"attachments": (DraftFile("a\r\nb.txt", "text/plain", b""),)},
        {"attachments": (DraftFile("a.txt", "text/plain; x=y\r\n", b""),)},
    ],
    ids=str,
)
def test_nothing_can_be_injected(changes):
    with pytest.raises(Refused):
        submission(draft(**changes))


def test_bcc_and_reply_to_are_written():
    octets = submission(draft(bcc=(named("Secret", "secret@example.com"),), reply_to=(named("", "desk@agent.test"),)))
    assert b"\r\nBcc: Secret <secret@example.com>\r\n" in octets
    assert b"\r\nReply-To: desk@agent.test\r\n" in octets


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        ("plain\n", b"7bit"),
        ("x" * 998, b"7bit"),
        ("café au lait, please\n", b"quoted-printable"),
        ("日本語\n", b"base64"),
        ("x" * 999, b"quoted-printable"),
        ("a\rb", b"7bit"),
        ("a\0b in a longer line", b"quoted-printable"),
        ("Hi\nFrom here\n", b"quoted-printable"),
    ],
    ids=["ascii", "longest-line", "latin", "cjk", "long-line", "lone-cr", "nul", "from-line"],
)
def test_the_lightest_encoding_is_chosen(body, encoding):
    assert b"Content-Transfer-Encoding: " + encoding + b"\r\n" in submission(draft(body=body))


def test_an_attached_message_is_labelled_as_one_when_it_needs_no_encoding():
    octets = submission(draft(attachments=(DraftFile("fwd.eml", "message/rfc822", b"Subject: x\r\n\r\n"),)))
    assert b"Content-Type: message/rfc822;\r\n name=fwd.eml\r\n" in octets
    octets = submission(draft(attachments=(DraftFile("fwd.eml", "message/rfc822", b"Subject: \xe9\r\n\r\n"),)))
    assert b"Content-Type: application/octet-stream;\r\n name=fwd.eml\r\n" in octets
