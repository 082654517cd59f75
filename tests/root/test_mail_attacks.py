"""Owners of mailboxes against a daemon that is root, by what they plant and then ask to be read or marked."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from aimx import client
from aimx.wire.frames import EmailList, EmailRead, EmailSearch, MarkRead, MarkUnread, Thread
from tests.harness import DOMAIN
from tests.root import dropping, users

pytestmark = pytest.mark.root

OWN = '+++\nid = "x"\nread = false # alice\'s\n+++\n\nalice wrote this\n'
SECRET = "+++\nread = false\n+++\n\nnot for alice\n"


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b") as made:
        yield {"alice": made["a"], "bob": made["b"]}


@pytest.fixture(scope="module")
def daemon(people):
    with dropping.daemon({name: people[name].pw_name for name in people}, people["bob"].pw_name) as running:
        box = running.data / "inbox/bob"
        bobs = box / "mail.md"
        bobs.write_text(SECRET)
        os.chown(bobs, people["bob"].pw_uid, people["bob"].pw_gid)
        bobs.chmod(0o600)
        (running.tree / "secret.md").write_text(SECRET)
        (running.tree / "secret.md").chmod(0o600)
        yield running


@pytest.fixture
def box(daemon):
    path = daemon.data / "inbox/alice"
    yield path
    for entry in path.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    assert (daemon.data / "inbox/bob/mail.md").read_text() == SECRET
    assert (daemon.tree / "secret.md").read_text() == SECRET
    status = (daemon.tree / "secret.md").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode), status.st_nlink) == (0, 0o600, 1)
    assert list((daemon.data / ".aimx/staging").iterdir()) == []


def as_alice(people, code: str, box: Path, target: Path | str = "") -> None:
    """Plant something with her rights."""
    plant = f"box, target = sys.argv[1:]\nos.chdir(box)\n{code}\n"
    assert users.run(people["alice"], plant, box, target) == ""


PLANTED = {
    "link-to-a-secret": 'os.symlink(target + "/secret.md", "x.md")',
    "link-to-a-neighbour": 'os.symlink("../bob/mail.md", "x.md")',
    "link-to-his-directory": 'os.mkdir("x"); os.symlink("../../bob/mail.md", "x/x.md")',
    "link-in-place-of-a-bundle": 'os.symlink("../bob", "x")',
    "fifo": 'os.mkfifo("x.md")',
    "fifo-in-a-bundle": 'os.mkdir("x"); os.mkfifo("x/x.md")',
    "directory": 'os.mkdir("x.md")',
    "second-name": 'open("y", "w").write("+++\\nread = false\\n+++\\n"); os.link("y", "x.md")',
}
ASKED = {
    "mark": MarkRead("alice", "x"),
    "unmark": MarkUnread("alice", "x"),
    "read": EmailRead("alice", "x"),
    "thread": Thread("alice", "x"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_no_mail_of_hers_is_not_found(daemon, people, box, planted):
    as_alice(people, PLANTED[planted], box, daemon.tree)
    for request in ASKED.values():
        answer = client.call(daemon.socket, request)
        assert (answer.code, answer.reason) == ("NOTFOUND", "email 'x' not found in inbox/alice")
    for request in (EmailList("alice"), EmailSearch("not for alice", "alice")):
        assert client.call(daemon.socket, request).body == b'{"emails":[],"next":null}'


def test_her_own_file_is_marked_and_is_the_daemon_s_then(daemon, people, box):
    """As the original wrote it: hers, 0600."""
    as_alice(people, f'open("x.md", "w").write({OWN!r}); os.chmod("x.md", 0o600)', box)
    assert client.call(daemon.socket, MarkRead("alice", "x")).kind == "ok"
    status = (box / "x.md").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 0, 0o644)
    assert "read = true # alice's\nread_at = " in (box / "x.md").read_text()
    edit = 'text = open("x.md").read(); open("n", "w").write(text.replace("wrote", "edited")); os.replace("n", "x.md")'
    as_alice(people, edit, box)
    assert client.call(daemon.socket, MarkUnread("alice", "x")).kind == "ok"
    assert (box / "x.md").read_text() == OWN.replace("wrote", "edited")


FLIP = """
import itertools
os.chdir(sys.argv[1])
print("ready", flush=True)
kinds = {kinds}
for number in itertools.count():
    for kind in kinds:
        kind(number)
        if number % 50 == 0 and os.path.exists("stop"):
            sys.exit()
"""
FLIPS = {
    "file-and-link": (
        'def own(n): open("n", "w").write("+++\\nread = false\\n+++\\n\\nalice\\n"); os.replace("n", "x.md")\n'
        'def link(n): os.symlink("../bob/mail.md", "l"); os.replace("l", "x.md")\n',
        "own, link",
    ),
    "bundle-and-link": (
        'def own(n):\n'
        '    os.path.islink("x") and os.unlink("x")\n'
        '    os.mkdir("x"); open("x/x.md", "w").write("+++\\nread = false\\n+++\\n\\nalice\\n")\n'
        'def link(n): shutil.rmtree("x"); os.symlink("../bob", "x")\n',
        "own, link",
    ),
}  # fmt: skip


@pytest.mark.parametrize("flip", FLIPS)
def test_a_race_brings_out_nothing_of_others(daemon, people, box, flip):
    """While she flips what lies under a name, it is asked for; every answer is her own mail, or none."""
    makes, kinds = FLIPS[flip]
    shutil.copy(daemon.data / "inbox/bob/mail.md", daemon.data / "inbox/bob/x.md")
    os.chown(daemon.data / "inbox/bob/x.md", people["bob"].pw_uid, 0)
    running = users.start(people["alice"], makes + FLIP.format(kinds=f"({kinds})"), box)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    answers = set()
    for number in range(300):
        request = list(ASKED.values())[number % 3]
        answer = client.call(daemon.socket, request)
        answers.add((answer.kind, answer.code))
        assert b"not for alice" not in answer.body
    (box / "stop").touch()
    _, err = running.communicate(timeout=60)
    (daemon.data / "inbox/bob/x.md").unlink()
    assert err == ""
    assert answers <= {("ok", ""), ("json", ""), ("error", "NOTFOUND"), ("error", "IO")}


def test_mail_of_the_daemon_s_domain_is_hers_to_mark(daemon, people, box):
    """The whole way: received, listed as unread, marked by herself over the socket, listed as read."""
    daemon.send(b"From: a@b.test\r\nSubject: way\r\n\r\nHi.\r\n", f"alice@{DOMAIN}")
    (path,) = daemon.messages("alice")
    ask = (
        "with socket.socket(socket.AF_UNIX) as asked:\n"
        "    asked.connect(sys.argv[1])\n"
        "    asked.sendall(sys.argv[2].encode())\n"
        "    print(asked.recv(4096).decode(), end='')\n"
    )
    frame = f"AIMX/1 MARK-READ\nMailbox: alice\nId: {path.stem}\n\n"
    assert users.run(people["alice"], ask, daemon.socket, frame) == "AIMX/1 OK\n"
    assert users.run(people["bob"], ask, daemon.socket, frame).startswith("AIMX/1 ERR EACCES not authorized\n")
    assert client.call(daemon.socket, EmailList("alice", unread=True)).body == b'{"emails":[],"next":null}'


FATAL = {
    "number-without-end": 'open("x.md", "w").write("+++\\nsubject = 0x" + "F" * 6000 + "\\n+++\\n")',
    "far-off-times": 'open("x.md", "w").write("+++"); [os.utime(path, (2**40, 2**40)) for path in ("x.md", ".")]',
}


@pytest.mark.parametrize("planted", FATAL)
def test_nothing_that_an_owner_leaves_keeps_the_daemon_from_starting(daemon, people, box, planted):
    """The index is built at every start; what lies in one mailbox is nobody else's trouble."""
    as_alice(people, FATAL[planted], box)
    daemon.stop()
    for suffix in ("", "-wal", "-shm"):
        (daemon.data / f".aimx/index.db{suffix}").unlink(missing_ok=True)
    daemon.start()
    daemon.wait_log("event=index-built ")
    answer = client.call(daemon.socket, EmailList("alice"))
    assert b'"id":"x"' in answer.body
    assert b'"id":"mail"' in client.call(daemon.socket, EmailList("bob")).body
