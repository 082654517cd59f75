"""Events that are told outside of a mail's own transaction, while the database takes nothing: late, in order, once."""

import os

import pytest

from aimx import client
from aimx.wire.frames import MailboxCreate
from tests.daemon.watchers import Watcher
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.traffic import PATIENCE_S
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

OWNER = "daemon" if os.geteuid() == 0 else shapes.owner()


@pytest.mark.parametrize(("call", "error"), [("pwrite64", "ENOSPC"), ("fdatasync", "EIO")])
def test_they_are_told_when_it_takes_them_again(tmp_path, call, error):
    names = [f"late{number}" for number in range(4)]
    with Daemon(tmp_path, shapes.CONFIG) as daemon:
        daemon.send(shapes.message("warm", 0))
        with Watcher(daemon.socket) as first:
            cursor = first.cursor
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error={error}:when=1+") as fault:
            made = [client.call(daemon.socket, MailboxCreate(name, OWNER), PATIENCE_S) for name in names]
            daemon.wait_log("event=events-not-logged")
        assert fault.hit
        done = [name for name, answer in zip(names, made, strict=True) if answer.kind == "ok"]
        assert done, made
        with Watcher(daemon.socket, cursor) as watcher:
            told = [event["mailbox"] for event in watcher.events("mailbox_created", len(done))]
        assert told == done
        daemon.send(shapes.message("after", 0), f"ops@{DOMAIN}")
        with Watcher(daemon.socket, cursor) as watcher:
            assert len(watcher.events("mailbox_created", len(done))) == len(done)
            (last,) = watcher.events("received", 1)
            assert last["subject"] == "m after"
