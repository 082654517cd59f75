"""The store on trio: what was stored is told afterwards, and descriptors do not grow with recipients."""

import os

import psutil
import trio

from aimx.daemon.storage import Storage
from aimx.store import eventlog
from tests.store.parts import copy, opened, plan


def test_events_are_told_after_the_commit(tmp_path):
    parts = opened(tmp_path)
    told = []
    storage = Storage(parts.committer, lambda: told.append(parts.state.run(eventlog.ends)))
    trio.run(storage.commit, plan())
    assert told == [(0, 1)]
    parts.close()


def test_a_message_for_many_holds_few_descriptors(tmp_path, monkeypatch):
    names = tuple(f"m{number}" for number in range(60))
    parts = opened(tmp_path, *names)
    parts.committer.commit(plan(copy(mailbox="m0")))
    process = psutil.Process()
    before, most = process.num_fds(), []
    real = os.fsync

    def counted(fd):
        most.append(process.num_fds())
        real(fd)

    monkeypatch.setattr("aimx.effects.files.os.fsync", counted)
    parts.committer.commit(plan(*[copy(mailbox=name) for name in names]))
    assert max(most) <= before + 6
    assert process.num_fds() == before
    parts.close()
