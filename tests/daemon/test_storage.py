"""The store on trio: what was stored is told afterwards, and descriptors do not grow with recipients."""

import os

import msgspec
import psutil
import pytest
import trio

from aimx.config.load import load
from aimx.daemon.storage import Storage
from aimx.errors import Failed
from aimx.store import eventlog
from tests.store.parts import copy, opened, plan, tree_of


def test_events_are_told_after_the_commit(tmp_path):
    parts = opened(tmp_path)
    told = []
    storage = Storage(parts.committer, lambda: told.append(parts.state.run(eventlog.ends)))
    trio.run(storage.commit, plan())
    assert told == [(0, 1)]
    parts.close()


@pytest.mark.parametrize("change", ["removed", "given-away"])
def test_a_mailbox_that_changed_hands_meanwhile_gets_nothing(tmp_path, change):
    """Neither does the other recipient of the message: the peer tries again and is told about each."""
    parts = opened(tmp_path, "dev")
    config = load(tmp_path / "config.toml", tmp_path / "data")
    mine = config.mailboxes["dev"]
    others = {"dev": msgspec.structs.replace(mine, owner="somebody-else")} if change == "given-away" else {}
    config = msgspec.structs.replace(config, mailboxes={"ops": config.mailboxes["ops"], **others})
    storage = Storage(parts.committer, lambda: None, lambda: config)
    before = tree_of(tmp_path / "data")
    with pytest.raises(Failed, match="try again"):
        trio.run(storage.commit, plan(copy(), copy(mailbox="dev")))
    assert tree_of(tmp_path / "data") == before
    trio.run(storage.commit, plan(copy()))
    assert len(list((tmp_path / "data/inbox/ops").iterdir())) == 1
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
