"""email_send and email_reply: what leaves, what is told, what is refused before anything leaves."""

import email
import email.policy
import os

import pytest

from tests.harness import DOMAIN, mail

EXCLUSIVE = "AIMX/1 SEND: --text-only and --html-body are mutually exclusive"
CATCHALL = "Cannot {} from 'catchall': catchall mailbox has no valid sender address. Use a named mailbox."


def parsed(octets):
    return email.message_from_bytes(octets.replace(b"\r\n", b"\n"), policy=email.policy.default)


def parts(message):
    return [part.get_content_type() for part in message.walk()]


def send(agent, box, **arguments):
    return agent(
        "email_send", **{"from_mailbox": box.name, "to": "bob@remote.test", "subject": "s", "body": "b"} | arguments
    )


def test_a_letter_leaves_signed_as_markdown_and_html(agent, box, sent):
    told = send(agent, box, subject="Grüße", body="Hi *there*\\n\n")
    message = parsed(sent())
    assert told.text == f"Email sent to bob@remote.test. Message-ID: {message['Message-ID']}"
    assert told.structured == {"to": "bob@remote.test", "message_id": message["Message-ID"]}
    assert (message["From"], message["To"]) == (f"{box.name}@{DOMAIN}", "bob@remote.test")
    assert message["Subject"] == "Grüße"
    assert "d=agent.test" in message["DKIM-Signature"]
    assert parts(message) == ["multipart/alternative", "text/plain", "text/html"]
    text, html = message.iter_parts()
    assert text.get_content().startswith("Hi *there*\\n\n"), "a backslash stays one: JSON has line breaks of its own"
    assert "<em>there</em>" in html.get_content()
    assert message["In-Reply-To"] is None


def test_text_only_is_verbatim(agent, box, sent):
    send(agent, box, body="*as is*\n\n  x", text_only=True)
    message = parsed(sent())
    assert parts(message) == ["text/plain"]
    assert message.get_content() == "*as is*\n\n  x\n"


@pytest.mark.parametrize("html", ["<p>own & mine</p>", ""], ids=["some", "empty"])
def test_html_of_ones_own_is_verbatim(agent, box, sent, html):
    send(agent, box, body="*text*", html_body=html)
    text, own = parsed(sent()).iter_parts()
    assert text.get_content() == "*text*\n"
    assert own.get_content().strip() == html


@pytest.mark.parametrize("tool", ["email_send", "email_reply"])
@pytest.mark.parametrize("html", ["<p>x</p>", ""], ids=["some", "empty"])
def test_text_only_excludes_html(agent, daemon, tool, html):
    """Said before anything else is looked at."""
    arguments = {"from_mailbox": "nope", "mailbox": "nope", "to": "x", "subject": "s", "id": "x", "body": "b"}
    assert agent(tool, **arguments, text_only=True, html_body=html) == (EXCLUSIVE, None, True)


def test_files_go_along(agent, box, sent, tmp_path):
    paths = []
    for name, content in (("a.txt", b"text\n"), ("ü b.bin", bytes(range(256)))):
        (tmp_path / name).write_bytes(content)
        paths.append(str(tmp_path / name))
    send(agent, box, attachments=paths)
    files = [(part.get_filename(), part.get_content()) for part in parsed(sent()).iter_attachments()]
    assert files == [("a.txt", "text\n"), ("ü b.bin", bytes(range(256)))]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("{}/nope", "Attachment file not found: {}/nope"),
        ("{}", "Attachment path is not a file: {}"),
        ("{}/fifo", "Attachment path is not a file: {}/fifo"),
        ("/dev/zero", "Attachment path is not a file: /dev/zero"),
        ("{}/a\0b", "Attachment file not found: {}/a\0b"),
    ],
    ids=["missing", "directory", "fifo", "device", "nul"],
)
def test_what_is_no_file_is_not_attached(agent, box, tmp_path, path, reason):
    os.mkfifo(tmp_path / "fifo")
    told = send(agent, box, attachments=[path.format(tmp_path)])
    assert told == (reason.format(tmp_path), None, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"to": ""}, "To: no recipient"),
        ({"to": "bob"}, "To: not an address: 'bob'; write bob@example.com or 'Bob <bob@example.com>'"),
        ({"to": "a@b.test\nBcc: c@d.test"}, "Header 'To' contains CRLF characters. Possible header injection"),
        ({"subject": "a\r\nX: y"}, "Header 'Subject' contains CRLF characters. Possible header injection"),
        ({"subject": "a\x00b"}, "Subject: control characters"),
        ({"reply_to": "<a@x> <b@x>"}, "reply_to takes one Message-ID; a chain goes to references"),
        ({"reply_to": "<a@x", "references": "<b@x>"}, "reply_to: not a Message-ID: '<a@x'; write '<id@example.com>'"),
        ({"from_mailbox": "catchall"}, CATCHALL.format("send")),
        ({"to": ",".join(f"r{n}@x.test" for n in range(101))}, "MALFORMED: 101 recipients are too many"),
        ({"body": "x" * (5 * 2**20 + 1)}, "BODY_TOO_LARGE: "),
    ],
    ids=["nobody", "no-address", "to-injection", "subject-injection", "nul", "two-parents", "no-id", "catchall", "many",
         "huge"],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_and_nothing_leaves(agent, box, daemon, arguments, reason):
    before = list((daemon.tree / "drop").iterdir())
    told = send(agent, box, **arguments)
    assert told.failed
    assert reason in told.text
    assert list((daemon.tree / "drop").iterdir()) == before
    assert box.files("sent") == []


def test_references_alone_are_ignored(agent, box, sent):
    send(agent, box, references="<a@x.test>")
    message = parsed(sent())
    assert (message["In-Reply-To"], message["References"]) == (None, None)


@pytest.mark.parametrize("parent", ["<p@x.test>", "p@x.test"])
def test_threading_by_hand(agent, box, sent, parent):
    send(agent, box, reply_to=parent, references="<a@x.test> <p@x.test>")
    message = parsed(sent())
    assert (message["In-Reply-To"], message["References"]) == ("<p@x.test>", "<a@x.test> <p@x.test>")


def test_the_chain_of_a_stored_parent_is_built(agent, box, sent):
    box.receive(subject="parent", **{"Message-ID": "<p1@x.test>", "References": "<a@x.test> <b@x.test>"})
    box.receive(subject="another", **{"Message-ID": "<p1@x.test.other>"})
    send(agent, box, reply_to="<p1@x.test>")
    assert parsed(sent())["References"] == "<a@x.test> <b@x.test> <p1@x.test>"


@pytest.mark.parametrize("parent", ["<unknown@x.test>", "<-@->"])
def test_a_parent_that_is_not_stored_is_the_chain(agent, box, sent, parent):
    send(agent, box, reply_to=parent)
    message = parsed(sent())
    assert (message["In-Reply-To"], message["References"]) == (parent, parent)


def test_ones_own_mail_can_be_followed_up(agent, box, daemon):
    first = send(agent, box, subject="first").structured["message_id"]
    send(agent, box, subject="second", reply_to=first)
    second = next(path for path in box.files("sent") if "second" in path.name)
    assert f'references = "{first[1:-1]}"' in second.read_text()


# email_reply


def reply(agent, box, email_id, **arguments):
    return agent("email_reply", **{"mailbox": box.name, "id": email_id, "body": "Thanks"} | arguments)


def test_an_answer_goes_back_in_the_thread(agent, box, sent):
    email_id = box.receive(
        subject="Plan",
        From="Ann <ann@x.test>",
        **{"Message-ID": "<m@x.test>", "References": "<a@x.test>\r\n <b@x.test>"},
    )
    told = reply(agent, box, email_id)
    message = parsed(sent())
    assert told.text == f"Email sent to ann@x.test. Message-ID: {message['Message-ID']}"
    assert message["To"] == "ann@x.test"
    assert (message["From"], message["Subject"]) == (f"{box.name}@{DOMAIN}", "Re: Plan")
    assert message["In-Reply-To"] == "<m@x.test>"
    assert message["References"] == "<a@x.test> <b@x.test> <m@x.test>"


@pytest.mark.parametrize(
    ("headers", "to"),
    [
        ({"Reply-To": "Desk <desk@x.test>"}, "desk@x.test"),
        ({"Reply-To": "a@x.test, b@x.test, a@x.test"}, "a@x.test, b@x.test"),
        ({"Reply-To": "undisclosed:;"}, "a@sender.test"),
        ({"From": '"Doe, Ann" <ann.doe@x.test>'}, "ann.doe@x.test"),
    ],
    ids=["reply-to", "several", "useless", "quoted-name"],
)
def test_answers_go_where_the_author_wants_them(agent, box, sent, headers, to):
    told = reply(agent, box, box.receive(**headers))
    assert told.structured["to"] == to
    assert parsed(sent())["To"] == to


@pytest.mark.parametrize(
    ("subject", "answer"),
    [("Plan", "Re: Plan"), ("Re: Plan", "Re: Plan"), ("RE: Plan", "RE: Plan"), ("re:Plan", "re:Plan"),
     ("Re : x", "Re : x"), ("Regards", "Re: Regards"), ("", "Re: (no subject)"),
     ("Grüße", "Re: Grüße")],
)  # fmt: skip
def test_re_is_not_doubled(agent, box, sent, subject, answer):
    reply(agent, box, box.receive(subject=subject))
    assert parsed(sent())["Subject"].strip() == answer


def test_a_message_without_an_id_is_answered_outside_of_threads(agent, box, sent):
    email_id = box.receive()
    (path,) = box.files()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join('message_id = ""\n' if line.startswith("message_id") else line for line in lines))
    reply(agent, box, email_id)
    message = parsed(sent())
    assert (message["In-Reply-To"], message["References"]) == (None, None)


def test_what_the_owner_edited_cannot_inject_a_header(agent, box, sent):
    email_id = box.receive()
    (path,) = box.files()
    text = path.read_text().replace('subject = "Hello"', 'subject = "a\\r\\nBcc: evil@x.test"')
    path.write_text(text.replace("message_id = ", 'references = "<a@x> <<> b\\n<c@x>"\nmessage_id = "<m@x.test>" # '))
    reply(agent, box, email_id)
    message = parsed(sent())
    assert message["Bcc"] is None
    assert message["References"] == "<a@x> <b> <c@x> <m@x.test>"


def test_a_very_long_thread_keeps_its_beginning_and_its_end(agent, box, sent):
    email_id = box.receive(
        **{"Message-ID": "<m@x.test>", "References": "\r\n ".join(f"<r{n}@x.test>" for n in range(500))}
    )
    reply(agent, box, email_id)
    chain = parsed(sent())["References"].split()
    assert len(chain) == 100
    assert (chain[0], chain[-2:]) == ("<r0@x.test>", ["<r499@x.test>", "<m@x.test>"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no frontmatter\n", "Failed to parse email frontmatter: "),
        ("+++\nbroken = [\n+++\n\nx\n", "Failed to parse email frontmatter: "),
        ('+++\nid = "x"\nfrom = "nobody"\n+++\n\nx\n', "names no address that could be answered"),
        ('+++\nid = "x"\nfrom = 5\n+++\n\nx\n', "names no address that could be answered"),
    ],
    ids=["none", "broken", "no-address", "no-text"],
)
def test_a_file_that_cannot_be_answered_says_so(agent, box, text, reason):
    email_id = box.receive()
    (path,) = box.files()
    path.write_text(text)
    told = reply(agent, box, email_id)
    assert told.failed
    assert reason in told.text


def test_only_the_inbox_is_answered(agent, box, daemon):
    send(agent, box)
    (path,) = box.files("sent")
    assert reply(agent, box, path.stem) == (f"NOTFOUND: email '{path.stem}' not found in inbox/{box.name}", None, True)


def test_the_catchall_answers_nobody(agent, daemon):
    told = agent("email_reply", mailbox="catchall", id="x", body="b")
    assert told == (CATCHALL.format("reply"), None, True)


def test_frontmatter_longer_than_a_piece_is_read_to_its_end(agent, box, sent):
    email_id = box.receive()
    (path,) = box.files()
    text = path.read_text()
    more = "".join(f'x{number} = "{"y" * 1000}"\n' for number in range(1200))
    path.write_text(text.replace("\n+++\n", f"\n{more}+++\n", 1))
    reply(agent, box, email_id)
    assert parsed(sent())["To"] == "a@sender.test"


def test_mail_from_within_a_hook_is_marked(agent, box, sent, monkeypatch):
    """A token that the daemon does not know changes nothing; the header reaches it all the same."""
    monkeypatch.setenv("AIMX_JOB", "not-a-token")
    assert not reply(agent, box, box.receive(mail())).failed
    assert parsed(sent())["Auto-Submitted"] is None
