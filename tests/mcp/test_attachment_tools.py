"""attachment_read and email_forward: what came with an email, as text, picture or link, and sent on."""

import base64
import email
import email.policy
import os
from email.message import EmailMessage

import pytest

from aimx import limits
from tests.harness import DOMAIN, mail
from tests.mcp.agent import alternating
from tests.mcp.test_sending_tools import CATCHALL, parsed, parts

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
ZIP = b"PK\x03\x04" + bytes(range(256))
INVITATION = "BEGIN:VCALENDAR\r\nSUMMARY:Tea\r\nEND:VCALENDAR\r\n"


@pytest.fixture
def agent(request, daemon):
    return alternating(request.node.name)


def letter(*files, subject="With files", body="See there.\n", **headers):
    """A message with files: name, type, octets."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = "Ann <ann@x.test>", f"ops@{DOMAIN}", subject
    for name, value in headers.items():
        message[name] = value
    message.set_content(body)
    for name, kind, octets in files:
        message.add_attachment(octets, *kind.split("/"), filename=name)
    return message.as_bytes()


def read(agent, box, *files, **arguments):
    """Read of a new email with these files; the answer, and what there is beside the text."""
    email_id = box.receive(letter(*files))
    return agent.whole("attachment_read", mailbox=box.name, id=email_id, **arguments)


@pytest.mark.parametrize(
    ("name", "kind", "octets", "text"),
    [
        ("a.txt", "text/plain", b"Gr\xc3\xbc\xc3\x9fe\n", "Grüße\n"),
        ("latin.txt", "text/plain", "Grüße".encode("latin-1"), "Grüße"),
        ("wide.csv", "text/csv", "a;ü\n".encode("utf-16"), "a;ü\n"),
        ("bom.csv", "text/csv", b"\xef\xbb\xbfa;b\n", "a;b\n"),
        ("tea.ics", "text/calendar", INVITATION.encode(), INVITATION),
        ("a.json", "application/json", b'{"a": 1}', '{"a": 1}'),
        ("a.ld", "application/ld+json", b"[]", "[]"),
        ("a.svg", "image/svg+xml", b"<svg/>", "<svg/>"),
        ("page.html", "text/html", b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("table.csv", "application/octet-stream", b"a,b\n1,2\n", "a,b\n1,2\n"),
        ("hidden.txt", "text/plain", "a\u202eb\u200bc\U000e0041\x1b[31m".encode(), "abc\ufffd[31m"),
        ("empty.txt", "text/plain", b"", ""),
    ],
)
def test_texts_are_told_as_text(agent, box, name, kind, octets, text):
    told, more = read(agent, box, (name, kind, octets))
    found = told.structured
    assert more == []
    assert (found["kind"], found["filename"], found["size"]) == ("text", name, len(octets))
    assert found["text"].replace("\r\n", "\n") == text.replace("\r\n", "\n")
    assert found["next_offset"] is None
    assert told.rows == found


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        ("image/png", PNG), ("image/jpeg", b"\xff\xd8\xff\xe0" + bytes(50)), ("image/gif", b"GIF89a" + bytes(20)),
        ("image/webp", b"RIFF\x10\0\0\0WEBPVP8 " + bytes(9)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("said", ["", "application/octet-stream", "text/plain"])
def test_small_pictures_are_pictures_whatever_the_sender_says(agent, box, kind, octets, said):
    told, (picture,) = read(agent, box, ("p", said or kind, octets))
    assert (picture.type, picture.mime_type) == ("image", kind)
    assert base64.b64decode(picture.data) == octets
    assert (told.structured["kind"], told.structured["content_type"]) == ("image", kind)


@pytest.mark.parametrize(
    ("name", "kind", "octets"),
    [
        ("a.zip", "application/zip", ZIP),
        ("a.pdf", "application/pdf", b"%PDF-1.7\n"),
        ("not.png", "image/png", b"no picture"),
        ("not.txt", "text/plain", b"a\0b"),
        ("big.png", "image/png", PNG + bytes(limits.MCP_PICTURE_OCTETS)),
        ("big.txt", "text/plain", b"x" * 70 + b"\n" + b"y" * limits.MCP_ATTACHMENT_OCTETS),
        ("Ünï côde.bin", "application/octet-stream", b"\xff\xfe\xfd"),
    ],
)
def test_everything_else_is_a_link_to_the_file(agent, box, name, kind, octets):
    told, (link,) = read(agent, box, (name, kind, octets))
    found = told.structured
    (path,) = box.files()
    (file,) = [file for file in path.parent.iterdir() if file != path]
    assert (link.type, link.uri, link.name, link.size) == ("resource_link", file.as_uri(), name, file.stat().st_size)
    assert (found["kind"], found["path"], found["text"]) == ("link", str(file), "")
    assert file.read_bytes() == octets


def test_a_long_text_comes_in_parts_that_join(agent, box):
    text = "".join(f"line {number} ü\n" for number in range(50))
    email_id = box.receive(letter(("a.txt", "text/plain", text.encode())))
    pieces, offset = [], 0
    while offset is not None:
        given = {"mailbox": box.name, "id": email_id, "max_chars": 100, "offset": offset}
        told = agent("attachment_read", **given).structured
        pieces.append(told["text"])
        offset = told["next_offset"]
    assert "".join(pieces) == text
    assert {len(piece) for piece in pieces[:-1]} == {100}


def test_a_fence_around_an_attachment(agent, box):
    told, _ = read(agent, box, ("a.txt", "text/plain", b"obey\n"), fence=True)
    word = told.structured["fence"]
    assert told.structured["text"] == f"[begin of untrusted mail {word}]\nobey\n[end of untrusted mail {word}]\n"


def test_which_of_several(agent, box):
    email_id = box.receive(letter(("a.txt", "text/plain", b"A"), ("b.txt", "text/plain", b"B")))
    asked = {"mailbox": box.name, "id": email_id}
    assert agent("attachment_read", **asked, filename="b.txt").structured["text"] == "B"
    told = agent("attachment_read", **asked)
    assert told.text == f"Email '{email_id}' has 2 attachments; filename says which one: a.txt, b.txt"
    told = agent("attachment_read", **asked, filename="c.txt")
    assert told.text == f"Email '{email_id}' has no attachment 'c.txt'. It has: a.txt, b.txt"
    assert told.failed


def test_no_attachments_at_all(agent, box):
    email_id = box.receive()
    told = agent("attachment_read", mailbox=box.name, id=email_id)
    assert told == (f"Email '{email_id}' has no attachments.", None, True)


@pytest.mark.parametrize("path", ["../../ops", "/etc/passwd", "..", "x\\u0000", "{id}.md", "link", "pipe", ""])
def test_what_the_owner_writes_into_the_list_opens_nothing_else(agent, box, path):
    """The list of attachments is in a file that its owner may edit."""
    email_id = box.receive(letter(("a.txt", "text/plain", b"A")))
    (file,) = box.files()
    (file.parent / "link").symlink_to("/etc/passwd")
    os.mkfifo(file.parent / "pipe")
    name = path.format(id=email_id)
    file.write_text(file.read_text().replace('\npath = "a.txt"\n', f'\npath = "{name}"\n'))
    assert f'path = "{name}"' in file.read_text()
    told = agent("attachment_read", mailbox=box.name, id=email_id)
    assert told.failed
    assert told.text.startswith(("NOTFOUND: ", "MALFORMED: "))


def test_an_attachment_that_was_removed(agent, box):
    email_id = box.receive(letter(("a.txt", "text/plain", b"A")))
    (file,) = box.files()
    (file.parent / "a.txt").unlink()
    told = agent("attachment_read", mailbox=box.name, id=email_id)
    assert told == (f"NOTFOUND: email '{email_id}' in inbox/{box.name} has no attachment 'a.txt'", None, True)


def test_attachments_of_sent_mail(agent, box, tmp_path):
    (tmp_path / "a.txt").write_text("own")
    given = {"to": "b@remote.test", "subject": "s", "body": "b", "attachments": [str(tmp_path / "a.txt")]}
    agent("email_send", from_mailbox=box.name, **given)
    (path,) = box.files("sent")
    told = agent("attachment_read", mailbox=box.name, id=path.stem, folder="sent")
    assert told.structured["text"] == "own"


# email_forward


def forward(agent, box, email_id, **arguments):
    return agent("email_forward", **{"mailbox": box.name, "id": email_id, "to": "boss@remote.test"} | arguments)


def test_an_email_is_sent_on_below_a_note_with_its_files(agent, box, sent):
    files = ("a.txt", "text/plain", b"A\n"), ("p.png", "image/png", PNG)
    email_id = box.receive(
        letter(*files, subject="Plan *1*", body="Shall we?\n\nAnn\n", **{"Message-ID": "<m@x.test>"})
    )
    told = forward(agent, box, email_id, note="Look at *this*")
    message = parsed(sent())
    assert told.text == f"Email sent to boss@remote.test. Message-ID: {message['Message-ID']}"
    assert (message["From"], message["To"]) == (f"{box.name}@{DOMAIN}", "boss@remote.test")
    assert message["Subject"] == "Fwd: Plan *1*"
    assert (message["In-Reply-To"], message["References"]) == (None, "<m@x.test>")
    text = message.get_body(("plain",)).get_content()
    assert text.startswith("Look at *this*\n\n---------- Forwarded message ----------\n")
    assert "**From:** Ann (ann@x.test)" in text
    assert "\n> Shall we?\n>\n> Ann\n" in text
    html = message.get_body(("html",)).get_content()
    assert "<em>this</em>" in html
    assert "<blockquote" in html
    assert "Plan *1*" in html
    assert [(part.get_filename(), part.get_content()) for part in message.iter_attachments()] == [
        ("a.txt", "A\n"), ("p.png", PNG),
    ]  # fmt: skip


def test_without_its_files_and_as_plain_text(agent, box, sent):
    email_id = box.receive(letter(("a.txt", "text/plain", b"A"), subject="FW: x"))
    forward(agent, box, email_id, attachments=False, text_only=True)
    message = parsed(sent())
    assert parts(message) == ["text/plain"]
    assert message["Subject"] == "FW: x"
    assert "From: Ann <ann@x.test>\n" in message.get_content()


@pytest.mark.parametrize("subject", ["Fwd: x", "fwd:x", "FWD: x"])
def test_fwd_is_not_doubled(agent, box, sent, subject):
    forward(agent, box, box.receive(subject=subject))
    assert parsed(sent())["Subject"] == subject


def test_what_strangers_wrote_stays_quoted(agent, box, sent):
    """Neither header values nor lines of the body stand where our own text does."""
    body = "</blockquote>\r\n\r\n<b>x</b>\r\n---------- Forwarded message ----------\r\n"
    email_id = box.receive(mail("a](http://evil.test) <script>", body, From='"**B** <i>" <ann@x.test>'))
    forward(agent, box, email_id)
    message = parsed(sent())
    html = message.get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "<b>x</b>" not in html
    assert ">a</a>" not in html
    quote = html.index("<blockquote")
    assert "evil.test" not in html[quote:]
    quoted = message.get_body(("plain",)).get_content().partition("\n>")[2]
    assert all(line.startswith(">") for line in quoted.splitlines()[1:] if line.strip())


def test_sent_mail_is_forwarded_and_copied(agent, box, sent):
    agent("email_send", from_mailbox=box.name, to="b@remote.test", subject="Out", body="mine", text_only=True)
    (path,) = box.files("sent")
    told = forward(agent, box, path.stem, folder="sent", to=["a@x.test", "b@x.test"], cc=["c@x.test"])
    assert told.structured["to"] == "a@x.test, b@x.test"
    last = sorted(box.files("sent"), key=lambda file: "fwd" in file.name)[-1]
    text = last.read_text()
    assert 'to = "a@x.test, b@x.test"' in text
    assert 'cc = "c@x.test"' in text
    assert "> mine" in text


def test_a_long_body_says_that_it_was_cut(agent, box, monkeypatch, sent):
    monkeypatch.setattr(limits, "MCP_FORWARD_CHARACTERS", 10)
    forward(agent, box, box.receive(mail("s", "0123456789abc\r\n")))
    text = parsed(sent()).get_body(("plain",)).get_content()
    assert "> 0123456789\n>\n> [The rest of the forwarded message was left out.]\n" in text


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"to": ""}, "To: no recipient"),
        ({"to": "boss"}, "To: not an address: 'boss'"),
        ({"to": "a@b.test\nBcc: c@d.test"}, "Possible header injection"),
        ({"id": "2026-01-01-000000-no"}, "NOTFOUND: email '2026-01-01-000000-no' not found in inbox/"),
        ({"id": ""}, "Email ID cannot be empty."),
        ({"folder": "drafts"}, 'Invalid folder \'drafts\': expected "inbox" or "sent".'),
        ({"mailbox": "catchall"}, CATCHALL.format("forward")),
    ],
)
def test_what_cannot_be_forwarded_is_refused_and_nothing_leaves(agent, box, daemon, arguments, reason):
    before = list((daemon.tree / "drop").iterdir())
    told = forward(agent, box, box.receive(), **arguments)
    assert told.failed
    assert reason in told.text
    assert list((daemon.tree / "drop").iterdir()) == before


def test_files_that_make_a_letter_too_large(agent, box, monkeypatch):
    email_id = box.receive(letter(("a.bin", "application/octet-stream", bytes(2000))))
    monkeypatch.setattr(limits, "FRAME_BODY_OCTETS", 1000)
    told = forward(agent, box, email_id)
    assert told == ("its attachments take more than the 0.0 MiB that a message holds; leave them out", None, True)
