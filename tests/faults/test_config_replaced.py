"""config.toml is changed, broken and taken away while mail and reloads go on: what was in force stays in force."""

import os
import signal
import time

import pytest

from aimx import client
from aimx.wire.frames import MailboxCreate, MailboxDelete, MailboxList
from tests.faults import shapes
from tests.faults.tally import TALLY
from tests.faults.traffic import PATIENCE_S, ROUNDS, Traffic
from tests.harness import DOMAIN, Daemon

OWNER = "daemon" if os.geteuid() == 0 else shapes.owner()  # whom the socket may make one for
GOOD = shapes.CONFIG
OTHER = f'# another\ntrust = "none"\n{GOOD}[mailboxes.extra]\naddress = "extra@{DOMAIN}"\nowner = "{shapes.owner()}"\n'


def _put(path, text):
    """As an editor does: whole, by a rename."""
    new = path.with_name("new.toml")
    new.write_text(text)
    new.rename(path)


def _directory(path):
    path.unlink()
    path.mkdir()


def _link(path, text, dangling=False):
    target = path.with_name("elsewhere.toml")
    target.write_text(text)
    path.unlink()
    path.symlink_to(target)
    if dangling:
        target.unlink()


def _fifo(path):
    path.unlink()
    os.mkfifo(path)


def _unreadable(path):
    _put(path, GOOD)
    path.chmod(0)


def _foreign(path):
    _put(path, GOOD)
    path.chmod(0o666)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)


# What happens to the file, and whether a reload takes it (None: it depends on who runs this).
CHANGES = {
    "replaced": (lambda path: _put(path, OTHER), True),
    "half written": (lambda path: path.write_text(OTHER[: OTHER.index("[mailboxes.extra]") + 30]), False),
    "cut in a word": (lambda path: path.write_text(GOOD[:20]), False),
    "emptied": (lambda path: path.write_text(""), False),
    "removed": (lambda path: path.unlink(), False),
    "a directory": (_directory, False),
    "a link": (lambda path: _link(path, OTHER), True),
    "a dangling link": (lambda path: _link(path, OTHER, dangling=True), False),
    "a FIFO": (_fifo, False),
    "no mode": (_unreadable, os.geteuid() == 0),
    "somebody else's": (_foreign, None),
    "another domain without mailboxes": (lambda path: _put(path, 'domain = "other.test"\nmailboxes = 3\n'), False),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe\x00" * 50), False),
    "too large": (lambda path: path.write_text(GOOD + "# " + "x" * (5 << 20)), False),
}
EACH = max(1, ROUNDS // len(CHANGES))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("config"), GOOD) as running:
        yield running


def _repair(path):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    _put(path, GOOD)


def _reload(daemon, expected):
    os.kill(daemon.pid, signal.SIGHUP)
    words = {True: "event=config-reloaded", False: "event=config-reload-failed", None: "event=config-reload"}
    return daemon.wait_log(words[expected], PATIENCE_S)


@pytest.mark.parametrize("change", CHANGES, ids=[name.replace(" ", "-") for name in CHANGES])
def test_mail_goes_on(daemon, change):
    do, taken = CHANGES[change]
    path = daemon.etc / "config.toml"
    with Traffic(daemon, change.replace(" ", "_"), senders=2) as traffic:
        for number in range(EACH):
            traffic.more(2)
            name = f"new-{list(CHANGES).index(change)}-{number}"
            do(path)
            TALLY.fault("config.toml broken" if taken is False else "config.toml replaced")
            _reload(daemon, taken)
            before = path.lstat() if os.path.lexists(path) else None
            made = client.call(daemon.socket, MailboxCreate(name, OWNER), PATIENCE_S)
            if taken is False:
                assert made.kind == "error", made
                assert made.reason != "internal error"
                assert (path.lstat() if os.path.lexists(path) else None) == before
                assert not (daemon.data / "inbox" / name).exists()
            traffic.more(2)
            _repair(path)
            began = time.monotonic()
            _reload(daemon, True)
            traffic.recovers(began)
            _made_and_gone(daemon)
    traffic.account()
    assert not traffic.refused
    assert not [line for line in daemon.log if "Traceback" in line]


def _made_and_gone(daemon):
    """The file is one that can be edited."""
    for request in (MailboxCreate("fresh", OWNER), MailboxDelete("fresh", force=True), MailboxList()):
        assert client.call(daemon.socket, request, PATIENCE_S).kind in ("ok", "json"), request
