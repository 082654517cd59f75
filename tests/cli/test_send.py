"""`aimx send`, from what is typed to what leaves and what is told."""

import email
import email.policy
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from tests.cli import post
from tests.cli.post import FROM, LETTER
from tests.harness import DOMAIN
from tests.mailauth import signing

UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
HEAD = ("--from", FROM, "--to", "bob@remote.test", "--subject", "s")


@pytest.fixture(scope="module")
def office():
    with post.Post() as running:
        yield running


def text_of(octets: bytes) -> str:
    """The plain text of a message, whatever ends it."""
    part = read(octets).get_body(("plain",))
    assert part is not None
    return part.get_content().replace("\r\n", "\n").rstrip("\n")


def read(octets: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


def test_a_letter_leaves_signed_and_its_id_is_the_data(office):
    before = set(office.drop.iterdir())
    done = office.aimx("send", *LETTER)
    (sent,) = set(office.drop.iterdir()) - before
    message = read(sent.read_bytes())
    assert done.returncode == 0
    assert re.fullmatch(rf"<{UUID4}@{DOMAIN}>\n", done.stdout.decode())
    assert done.stderr.decode() == f"Email sent.\nMessage-ID: {done.stdout.decode()}"
    assert (message["from"], message["to"], message["subject"]) == (FROM, "bob@remote.test", "Hello")
    assert str(message["message-id"]) == done.stdout.decode().strip()
    assert signing.verifies(sent.read_bytes())


ADDRESSED = {
    "list": (["--to", "a@b.test, c@d.test"], "To", ["a@b.test", "c@d.test"]),
    "repeated": (["--to", "a@b.test", "--to", "c@d.test"], "To", ["a@b.test", "c@d.test"]),
    "named": (["--to", "Ann <a@b.test>"], "To", ["Ann <a@b.test>"]),
    "comma-in-a-name": (["--to", '"Bee, Ann" <a@b.test>, c@d.test'], "To", ['"Bee, Ann" <a@b.test>', "c@d.test"]),
    "named-in-utf-8": (["--to", "Zoë <a@b.test>"], "To", ["Zoë <a@b.test>"]),
    "copy": (["--to", "a@b.test", "--cc", "e@f.test", "--cc", "g@h.test"], "Cc", ["e@f.test", "g@h.test"]),
    "only-a-copy": (["--cc", "e@f.test"], "Cc", ["e@f.test"]),
    "answers": (["--to", "a@b.test", "--reply-to-address", f"Desk <d@{DOMAIN}>"], "Reply-To", [f"Desk <d@{DOMAIN}>"]),
}


@pytest.mark.parametrize(("words", "field", "expected"), ADDRESSED.values(), ids=ADDRESSED)
def test_addresses(office, words, field, expected):
    message = read(office.send("--from", FROM, "--subject", "s", "--body", "b", *words))
    assert [str(address) for address in message[field].addresses] == expected


def test_a_blind_copy_is_delivered_and_seen_by_nobody(office):
    octets = office.send(*LETTER, "--bcc", "secret@remote.test")
    assert b"secret" not in octets
    message_id = str(read(octets)["message-id"]).strip("<>")
    assert "recipients=2" in office.daemon.wait_log(message_id)


TEXTS = {
    "typed-line-breaks": (["--body", r"# Hello\n\nThanks"], b"", "# Hello\n\nThanks"),
    "a-real-one-keeps-the-others": (["--body", "a\\nb\nc"], b"", "a\\nb\nc"),
    "plain-text-is-as-typed": (["--body", r"a\nb", "--text-only"], b"", "a\\nb"),
    "standard-input": (["--body", "-"], "ä\\n\nb\n".encode(), "ä\\n\nb"),
    "crlf": (["--body", "-"], b"a\r\nb\r\n", "a\nb"),
    "dot": (["--body", "."], b"", "."),
}


@pytest.mark.parametrize(("words", "stdin", "text"), TEXTS.values(), ids=TEXTS)
def test_bodies(office, words, stdin, text):
    assert text_of(office.send(*HEAD, *words, stdin=stdin)) == text


def test_a_body_from_a_file_is_as_it_is(office):
    path = office.file("body.md", "# Zoë\\n\n".encode())
    assert text_of(office.send(*HEAD, "--body-file", path)) == "# Zoë\\n"


THREADS = {
    "answer": (["--reply-to", "<a@b>"], "<a@b>", "<a@b>"),
    "brackets-are-added": (["--reply-to", "a@b"], "<a@b>", "<a@b>"),
    "line-breaks-fall-out": (["--reply-to", "<a@\r\nb>"], "<a@b>", "<a@b>"),
    "chain": (["--reply-to", "<b@c>", "--references", "<a@b> <b@c>"], "<b@c>", "<a@b> <b@c>"),
    "chain-without-blanks": (["--reply-to", "<b@c>", "--references", "<a@b><b@c>"], "<b@c>", "<a@b> <b@c>"),
    "chain-alone": (["--references", "a@b <b@c>"], None, "<a@b> <b@c>"),
}


@pytest.mark.parametrize(("words", "parent", "chain"), THREADS.values(), ids=THREADS)
def test_threading(office, words, parent, chain):
    message = read(office.send(*LETTER, *words))
    assert message["in-reply-to"] == parent
    assert " ".join(message["references"].split()) == chain


def test_files_arrive_with_name_type_and_content(office):
    pdf = office.file("Über uns.pdf", b"%PDF\0\r\n\xff")
    notes = office.file("notes.md", b"# x\n")
    odd = office.file("data.unheard-of", b"")
    message = read(office.send(*LETTER, "--attachment", pdf, "--attachment", notes, "--attachment", odd))
    files = [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
             for part in message.iter_attachments()]  # fmt: skip
    assert files == [
        ("Über uns.pdf", "application/pdf", b"%PDF\0\r\n\xff"),
        ("notes.md", "text/markdown", b"# x\n"),
        ("data.unheard-of", "application/octet-stream", b""),
    ]


INJECTION = "Header '{}' contains CRLF characters. Possible header injection"
NO_ADDRESS = "To: not an address: '{}'; write bob@example.com or 'Bob <bob@example.com>'"
NO_ID = "--reply-to: not a Message-ID: '{}'; write '<id@example.com>'"
NO_FILE = "--body-file cannot be read: /nonexistent: No such file or directory"
REFUSED = {
    "from-injection": (["--from", f"{FROM}\r\nBcc: x@y.test"], INJECTION.format("From")),
    "to-injection": (["--to", "a@b.test\nX: y"], INJECTION.format("To")),
    "subject-injection": (["--subject", "a\rb"], INJECTION.format("Subject")),
    "cc-injection": (["--cc", "a@b.test\nX: y"], INJECTION.format("Cc")),
    "no-address": (["--to", "bob"], NO_ADDRESS.format("bob")),
    "two-at": (["--to", "a@b@c.test"], NO_ADDRESS.format("a@b@c.test")),
    "empty": (["--to", ""], NO_ADDRESS.format("")),
    "two-authors": (["--from", f"{FROM}, x@y.test"], "From must hold exactly one address"),
    "no-file": (["--attachment", "/nonexistent"], "Attachment file not found: /nonexistent"),
    "below-a-file": (["--attachment", "/etc/hostname/x"], "Attachment file not found: /etc/hostname/x"),
    "directory": (["--attachment", "/"], "Attachment path is not a file: /"),
    "device": (["--attachment", "/dev/zero"], "Attachment path is not a file: /dev/zero"),
    "files-come-first": (["--attachment", "/", "--subject", "a\rb"], "Attachment path is not a file: /"),
    "threading": (["--reply-to", "<a@b> <c@d>"], "--reply-to takes one Message-ID; a chain goes to --references"),
    "threading-injection": (["--reply-to", "<a@b>\r\nBcc: <x@y>"], NO_ID.format("<a@b>Bcc:")),
    "body-file": (["--body-file", "/nonexistent"], NO_FILE),
    "no-utf-8": (["--body", "a\udcffb"], "--body is not valid UTF-8"),
    "no-path": (["--attachment", ""], "Attachment file not found: "),
}  # fmt: skip


@pytest.mark.parametrize(("words", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(office, words, text):
    changed = {words[index]: words[index + 1] for index in range(0, len(words), 2)}
    options = {"--from": FROM, "--to": "bob@remote.test", "--subject": "s", "--body": "b", **changed}
    if "--body-file" in options:
        del options["--body"]
    flat = [word for pair in options.items() for word in pair]
    done = office.aimx("send", *flat)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"Error: {text}\n")
    inner = json.loads(office.aimx("send", *flat, "--json").stderr)
    assert inner == {"error": {"code": "VALIDATION", "message": text, "retryable": False}}


def test_special_files_are_no_attachments(office):
    fifo, sock = str(office.tree / "fifo"), str(office.daemon.socket)
    os.mkfifo(fifo)
    for path in (fifo, sock):
        done = office.aimx("send", *LETTER, "--attachment", path)
        assert done.stderr.decode() == f"Error: Attachment path is not a file: {path}\n"


def test_files_that_no_message_holds_are_refused_unread(office):
    path = office.tree / "large.iso"
    with path.open("wb") as file:
        file.truncate(20 * 2**20)
    done = office.aimx("send", *LETTER, "--attachment", str(path))
    assert done.returncode == 1
    assert done.stderr.decode() == (
        f"Error: the attachments are too large ({path} 20.0 MiB):"
        " as mail they take 27.4 MiB, a message holds 25.0 MiB\n"
    )


@pytest.mark.parametrize("html", ["<p>", ""])
def test_plain_text_and_html_exclude_each_other(office, html):
    done = office.aimx("send", *LETTER, "--text-only", "--html-body", html)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"Error: AIMX/1 SEND: --text-only and --html-body are mutually exclusive\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--from", FROM], "the following arguments are required: --subject"),
        (HEAD, "one of the arguments --body --body-file is required"),
        (["--from", FROM, "--subject", "s", "--body", "b"], "the following arguments are required: --to"),
        ([*LETTER, "--body-file", "x"], "'--body-file' cannot be used with '--body'"),
        ([*LETTER, "--colour"], "unexpected argument '--colour' found"),
    ],
    ids=["nothing", "no-body", "no-recipient", "two-bodies", "unknown"],
)
def test_wrong_usage_exits_2(office, words, text):
    done = office.aimx("send", *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"error: {text}\n")


def test_a_dry_run_shows_the_message_and_sends_nothing(office):
    before = set(office.drop.iterdir())
    done = office.aimx("send", *LETTER, "--bcc", "secret@remote.test", "--dry-run")
    assert done.returncode == 0
    assert done.stderr.startswith(b"Nothing was sent.")
    assert (read(done.stdout)["subject"], b"secret" in done.stdout) == ("Hello", False)
    told = json.loads(office.aimx("send", *LETTER, "--dry-run", "--json").stdout)
    assert told["status"] == "dry-run"
    assert told["message"].startswith("Date: ")
    assert set(office.drop.iterdir()) == before
    assert not list((office.daemon.data / "sent" / "ops").glob(f"*{told['message_id']}*"))


def test_json_is_one_object(office):
    done = office.aimx("send", *LETTER, "--cc", "Al <al@remote.test>", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(rf"<{UUID4}@{DOMAIN}>", told.pop("message_id"))
    assert told == {"status": "delivered", "from": FROM, "subject": "Hello",
                    "recipients": ["bob@remote.test", "al@remote.test"]}  # fmt: skip


def test_the_daemons_refusal_has_its_code(office):
    words = ["send", *LETTER, "--from", "x@foreign.test"]
    text = f"sender domain 'foreign.test' does not match aimx domain '{DOMAIN}'"
    done = office.aimx(*words)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"Error [DOMAIN]: {text}\n")
    told = json.loads(office.aimx(*words, "--json").stderr)
    assert told == {"error": {"code": "DOMAIN", "message": text, "retryable": False}}


# Daemons of another kind: what each answers, and what the sender is told.
ANSWERS = {
    "not-authorized": (b"AIMX/1 ERR EACCES not authorized\nCode: EACCES\n\n", 1, f"Error: not authorized: {FROM}\n"),
    "deferred": (
        b"AIMX/1 ERR TEMP bob@remote.test: 451 later\nCode: TEMP\n\n",
        1,
        "Error [TEMP]: bob@remote.test: 451 later\nnothing was delivered; trying again later may work\n",
    ),
    "failed": (b"AIMX/1 ERR DELIVERY 550 no\nCode: DELIVERY\n\n", 1, "Error [DELIVERY]: 550 no\n"),
    "unknown": (
        b"AIMX/1 ERR DELIVERY outcome unknown: may have been delivered\nCode: DELIVERY\n\n",
        1,
        "Error [DELIVERY]: outcome unknown: may have been delivered\n"
        "it may have been delivered: look into the sent folder before you send it again\n",
    ),
    "nothing": (
        b"",
        3,
        "Error: malformed response from the daemon: the daemon closed the connection without an answer;"
        " it may have been delivered: look into the sent folder before you send it again\n",
    ),
    "garbage": (
        b"HTTP/1.1 400\r\n\r\n",
        3,
        'Error: malformed response from the daemon: not an AIMX/1 answer: "HTTP/1.1 400";'
        " it may have been delivered: look into the sent folder before you send it again\n",
    ),
    "the-originals-daemon": (b"AIMX/1 OK <1@agent.test>\n", 0, "Email sent.\nMessage-ID: <1@agent.test>\n"),
}


@pytest.fixture
def answering(office):
    """The directory of a socket that gives one answer, and how to give it."""
    directory = office.tree / "other"
    directory.mkdir()
    threads = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(directory / "aimx.sock"))
    for path in (directory, directory / "aimx.sock"):
        os.chmod(path, 0o777)
    server.listen()
    asked = []

    def answer(octets):
        def serve():
            connection, _ = server.accept()
            with connection:
                while piece := connection.recv(65536):
                    asked.append(piece)
                connection.sendall(octets)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return {"AIMX_RUNTIME_DIR": str(directory)}

    answer.asked = asked
    yield answer
    for thread in threads:
        thread.join(30)
    server.close()
    (directory / "aimx.sock").unlink()
    directory.rmdir()


@pytest.mark.parametrize(("octets", "code", "text"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_its_text_and_its_exit_code(office, answering, octets, code, text):
    done = office.aimx("send", *LETTER, **answering(octets))
    assert (done.returncode, done.stderr.decode()) == (code, text)
    assert bool(done.stdout) == (code == 0)


def test_a_daemon_that_knows_no_dry_run_is_exposed(office, answering):
    done = office.aimx("send", *LETTER, "--dry-run", **answering(b"AIMX/1 OK <1@agent.test>\n"))
    assert done.returncode == 1
    assert done.stderr == b"Error: this daemon knows no --dry-run and has sent <1@agent.test>\n"


def test_without_a_daemon_it_exits_2(office):
    done = office.aimx("send", *LETTER, AIMX_RUNTIME_DIR="/nonexistent")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"Error: aimx daemon not running. Check 'systemctl status aimx'\n"


def test_a_socket_that_cannot_be_reached_is_named(office):
    directory = os.path.dirname(office.file("aimx.sock", b""))
    done = office.aimx("send", *LETTER, AIMX_RUNTIME_DIR=f"{directory}/aimx.sock")
    assert done.returncode == 2
    path = f"{directory}/aimx.sock/aimx.sock"
    assert done.stderr.decode() == f"Error: Failed to connect to aimx daemon at {path}: Not a directory\n"


@pytest.mark.parametrize(("token", "line"), [("a1b2", b"Hook-Job: a1b2\n"), ("a\tb", None), ("", None), ("é", None)])
def test_the_token_of_a_hook_travels_when_it_is_one(office, answering, token, line):
    assert office.aimx("send", *LETTER, **answering(b"AIMX/1 OK <1@x>\n"), AIMX_JOB=token).returncode == 0
    head = b"".join(answering.asked).partition(b"\n\n")[0] + b"\n"
    assert (line is not None and line in head) or b"Hook-Job" not in head


def test_html_of_ones_own_is_sent_as_it_is(office):
    message = read(office.send(*LETTER, "--html-body", "<h1 onclick='x'>Zoë</h1>\n<p>\\n</p>"))
    html, plain = message.get_body(("html",)), message.get_body(("plain",))
    assert html.get_content().replace("\r\n", "\n").rstrip() == "<h1 onclick='x'>Zoë</h1>\n<p>\\n</p>"
    assert plain.get_content().rstrip() == "Hi"


def test_markdown_is_sent_as_text_and_html_and_plain_text_alone(office):
    both = read(office.send(*HEAD, "--body", r"# Hi\n\n*there*"))
    assert [part.get_content_type() for part in both.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    alone = read(office.send(*HEAD, "--body", "# Hi", "--text-only"))
    assert (alone.get_content_type(), alone.get_content().rstrip()) == ("text/plain", "# Hi")


def test_a_body_that_no_message_holds_is_refused(office):
    done = office.aimx("send", *HEAD, "--body", "-", stdin=b"x" * (25 * 2**20 + 1))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"Error: standard input is larger than the 25.0 MiB of a message\n"


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_what_was_sent_is_no_failure_because_nobody_can_be_told(office, words):
    before = len(list(office.drop.iterdir()))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            post.argv(office.uid, "send", *LETTER, *words), stdout=full, stderr=subprocess.PIPE, env=office.daemon.env
        )
    assert done.returncode == 0
    assert b"> was sent, but cannot write to standard output: No space left on device\n" in done.stderr
    assert len(list(office.drop.iterdir())) == before + 1


def test_the_key_is_read_once_for_all_letters(office):
    os.rename(office.daemon.etc / "dkim", office.daemon.etc / "away")
    try:
        assert signing.verifies(office.send(*LETTER))
    finally:
        os.rename(office.daemon.etc / "away", office.daemon.etc / "dkim")
    assert len([line for line in office.daemon.log if "event=dkim-key " in line]) == 1


def test_a_drop_that_takes_nothing_is_told_and_leaves_nothing(office):
    before = sorted((office.daemon.data / "sent" / "ops").iterdir())
    office.drop.chmod(0o500)
    try:
        done = office.aimx("send", *LETTER)
    finally:
        office.drop.chmod(0o700)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"Error [TEMP]: AIMX_TEST_MAIL_DROP: {office.drop}: Permission denied\n"
        "nothing was delivered; trying again later may work\n"
    )
    assert sorted((office.daemon.data / "sent" / "ops").iterdir()) == before
    assert office.send(*LETTER)


@pytest.fixture
def silent(office):
    """The environment of a daemon that takes a letter and says nothing, and what waits until it has one."""
    directory = office.tree / "silent"
    directory.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(directory / "aimx.sock"))
    for path in (directory, directory / "aimx.sock"):
        os.chmod(path, 0o777)
    server.listen()
    server.settimeout(30)
    taken = []

    def take():
        taken.append(server.accept()[0])
        taken[0].settimeout(30)
        while taken[0].recv(65536):
            pass

    yield {**office.daemon.env, "AIMX_RUNTIME_DIR": str(directory)}, take
    for connection in taken:
        connection.close()
    server.close()
    (directory / "aimx.sock").unlink()
    directory.rmdir()


def test_an_interrupt_tells_that_the_letter_may_be_on_its_way(office, silent):
    env, take = silent
    argv = post.argv(office.uid, "send", *LETTER)
    child = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    take()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, b"")
    assert err == (
        b"Error: interrupted; it may have been delivered: look into the sent folder before you send it again\n"
    )


def test_whoever_watches_is_told_what_is_waited_for(office, silent):
    """On a terminal only; here a pseudo-terminal is stderr."""
    env, take = silent
    terminal, theirs = os.openpty()
    child = subprocess.Popen(post.argv(office.uid, "send", *LETTER), env=env, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    take()
    with open(terminal, "rb", buffering=0) as shown:
        assert shown.read(200).decode() == "Waiting for the recipients' mail servers …\r\n"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
    assert child.returncode == 130


def test_under_a_key_a_letter_leaves_once(office):
    before = set(office.drop.iterdir())
    first, again = (office.aimx("send", *LETTER, "--idempotency-key", "letter-1") for _ in range(2))
    assert (first.returncode, again.stdout) == (0, first.stdout)
    (sent,) = set(office.drop.iterdir()) - before
    assert str(read(sent.read_bytes())["message-id"]) == first.stdout.decode().strip()
    other = office.aimx("send", *LETTER, "--cc", "e@f.test", "--idempotency-key", "letter-1")
    told = "Error [ECONFLICT]: idempotency key 'letter-1' was used for another message; a key is for one message\n"
    assert (other.returncode, other.stderr.decode()) == (1, told)


def test_a_key_is_shown_with_its_id_and_not_used_up_by_looking(office):
    words = (*LETTER, "--idempotency-key", "letter-2")
    shown = json.loads(office.aimx("send", *words, "--dry-run", "--json").stdout)
    sent = office.aimx("send", *words)
    assert shown["message_id"] == sent.stdout.decode().strip()
    assert f"Message-ID: {shown['message_id']}\r\n" in shown["message"]


NO_KEYS = {
    "empty": (" ", "is empty"),
    "blank-behind": ("a ", "has a control character, or blanks around it"),
    "two-lines": ("a\nb", "has a control character, or blanks around it"),
    "long": ("a" * 9000, "has more than 255 characters"),
}


@pytest.mark.parametrize(("key", "why"), NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_sends_nothing(office, key, why):
    done = office.aimx("send", *LETTER, "--idempotency-key", key)
    assert (done.returncode, done.stderr.decode()) == (1, f"Error: the idempotency key {why}\n")
