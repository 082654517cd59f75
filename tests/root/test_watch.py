"""Who is told what: real users watch a daemon of root, and mailboxes change hands under them."""

import json
import os
import signal
import subprocess
import sys

import msgspec
import pytest

from aimx import limits
from aimx.flows.status import Told
from aimx.wire import codec
from aimx.wire.frames import Status, Watch
from tests.daemon.watchers import Watcher
from tests.harness import DOMAIN, mail
from tests.root import dropping, users
from tests.root.test_authorization import ASK

pytestmark = pytest.mark.root

# The lines of a stream but for heartbeats, so many of them.
WATCH = """
path, octets, count = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
with socket.socket(socket.AF_UNIX) as asked:
    asked.settimeout(60)
    asked.connect(path)
    asked.sendall(octets)
    with asked.makefile("rb") as lines:
        while lines.readline() != b"\\n":
            pass
        print(lines.readline().decode(), end="", flush=True)
        while count:
            line = lines.readline().decode()
            if '"type":"heartbeat"' not in line:
                print(line, end="", flush=True)
                count -= 1
"""
# So many streams, held; then how the next request is answered.
HOLD = """
path, octets, count = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
held = []
for _ in range(count + 1):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].settimeout(60)
    held[-1].connect(path)
    held[-1].sendall(octets)
    first = held[-1].recv(1000)
print(first.decode(), end="", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b", "s") as made:
        yield {"alice": made["a"], "bob": made["b"], "stranger": made["s"]}


@pytest.fixture
def daemon(people):
    owners = {name: people[name].pw_name for name in ("alice", "bob")} | {"root": "root"}
    with dropping.daemon(owners, people["bob"].pw_name) as running:
        yield running


def watching(daemon, who, after: str, count: int):
    """A user who watches, started; what was told as (type, mailbox, subject)."""
    octets = codec.encode_request(Watch(after)).hex()
    return users.start(who, WATCH, daemon.socket, octets, count)


def told(process) -> list[tuple[str, str, str]]:
    out, err = process.communicate(timeout=60)
    assert not err
    lines = [json.loads(line) for line in out.splitlines()[1:]]
    return [(line["type"], line["mailbox"], line.get("subject", "")) for line in lines]


def give(daemon, mailbox: str, before, after) -> None:
    """Another owner, by hand and reload; the directories go with it, as doctor would say."""
    text = (daemon.etc / "config.toml").read_text()
    table = f'[mailboxes.{mailbox}]\naddress = "{mailbox}@{DOMAIN}"\nowner = "'
    assert f"{table}{before.pw_name}" in text
    daemon.write_config(text.replace(f"{table}{before.pw_name}", f"{table}{after.pw_name}"))
    for folder in ("inbox", "sent"):
        os.chown(daemon.data / folder / mailbox, after.pw_uid, after.pw_gid)
    daemon.process.send_signal(signal.SIGHUP)


def test_everybody_is_told_of_what_is_theirs_then_and_now(daemon, people):
    with Watcher(daemon.socket) as root:
        start = root.cursor
        live = {name: watching(daemon, people[name], start, 3) for name in ("alice", "bob")}
        stranger = watching(daemon, people["stranger"], start, 2)
        for process in (*live.values(), stranger):
            assert json.loads(process.stdout.readline())["type"] == "hello"
        for number, name in enumerate(("alice", "bob", "root", "alice", "anybody")):
            daemon.send(mail(f"{name} {number}"), f"{name}@{DOMAIN}")
        root.events("received", 5)
        give(daemon, "alice", people["alice"], people["stranger"])
        root.events("config_reloaded", 1)
        daemon.send(mail("for the stranger"), f"alice@{DOMAIN}")
        daemon.send(mail("for bob"), f"bob@{DOMAIN}")
        root.events("received", 2)
    assert told_live(live["alice"]) == [
        ("received", "alice", "alice 0"), ("received", "alice", "alice 3"), ("mailbox_deleted", "alice", ""),
    ]  # fmt: skip
    assert told_live(live["bob"]) == [
        ("received", "bob", "bob 1"), ("received", "catchall", "anybody 4"), ("received", "bob", "for bob"),
    ]  # fmt: skip
    assert told_live(stranger) == [("mailbox_created", "alice", ""), ("received", "alice", "for the stranger")]
    # Whoever comes later: nothing of what was hers is told to her any more, nor to the new owner.
    assert told(watching(daemon, people["alice"], start, 1)) == [("mailbox_deleted", "alice", "")]
    assert told(watching(daemon, people["stranger"], start, 2)) == [
        ("mailbox_created", "alice", ""), ("received", "alice", "for the stranger"),
    ]  # fmt: skip


def told_live(process) -> list[tuple[str, str, str]]:
    """As `told`, of one whose hello was read already."""
    out, err = process.communicate(timeout=60)
    assert not err
    lines = [json.loads(line) for line in out.splitlines()]
    return [(line["type"], line["mailbox"], line.get("subject", "")) for line in lines]


def test_one_user_s_watchers_keep_nobody_else_out(daemon, people):
    octets = codec.encode_request(Watch()).hex()
    holding = users.start(people["stranger"], HOLD, daemon.socket, octets, limits.WATCHERS_PER_UID)
    try:
        assert holding.stdout.readline() == "AIMX/1 ERR TEMP too many watchers, try again later\n"
        with Watcher(daemon.socket) as root:
            start = root.cursor
        daemon.send(mail("still told"), f"alice@{DOMAIN}")
        assert told(watching(daemon, people["alice"], start, 1)) == [("received", "alice", "still told")]
        listed = users.run(people["stranger"], HOLD.replace("sys.stdin.readline()", ""), daemon.socket,
                           b"AIMX/1 MAILBOX-LIST\n\n".hex(), 0)  # fmt: skip
        assert listed == "AIMX/1 OK\nContent-Length: 2\n\n[]"
    finally:
        holding.kill()
        holding.communicate(timeout=30)


def status(daemon, who) -> Told:
    answer = users.run(who, ASK, daemon.socket, codec.encode_request(Status()).hex())
    return msgspec.json.decode(bytes.fromhex(answer).partition(b"\n\n")[2], type=Told)


def test_a_status_tells_others_nothing_of_what_is_not_theirs(daemon, people):
    (daemon.data / "inbox" / "alice").rmdir()
    (daemon.data / "inbox" / "alice").write_text("squatted")
    daemon.send(mail("waits"), f"alice@{DOMAIN}")
    root, alice, bob, stranger = (
        status(daemon, who) for who in (users.pwd.getpwnam("root"), *(people[name] for name in people))
    )
    assert [told.mailboxes for told in (root, alice, bob, stranger)] == [4, 1, 2, 0]
    assert [[one.mailbox for one in told.spool] for told in (root, alice, bob, stranger)] == [
        ["alice"],
        ["alice"],
        [],
        [],
    ]
    assert root.config.warnings == ()
    assert root.smtp.sessions is not None
    for told in (alice, bob, stranger):
        assert (told.config.warnings, told.smtp.sessions, told.all_watchers) == (None, None, None)
        assert (told.pid, told.domain, told.privileged) == (daemon.pid, DOMAIN, True)


def test_what_root_does_without_a_daemon_is_told_afterwards(daemon, people):
    with Watcher(daemon.socket, mailbox="alice") as watcher:
        start = watcher.cursor
    daemon.stop()
    commands = (["mailboxes", "create", "later", "--owner", people["alice"].pw_name], ["ingest", f"alice@{DOMAIN}"])
    for words in commands:
        subprocess.run(
            [sys.executable, "-m", "aimx.cli.main", *words], env=daemon.env, input=mail("ingested"), check=True,
            capture_output=True, timeout=60,
        )  # fmt: skip
    daemon.start()
    assert told(watching(daemon, people["alice"], start, 2)) == [
        ("mailbox_created", "later", ""), ("received", "alice", "ingested"),
    ]  # fmt: skip
