"""Questions about stored mail: one owner's never take all threads; a mailbox that is gone meanwhile is not touched."""

import threading

import pytest
import trio
import trio.testing

from aimx import limits
from aimx.config.load import load
from aimx.daemon.mails import StoredMails
from aimx.daemon.storage import Storage
from aimx.errors import Failed
from aimx.model.query import Box
from tests.harness import owner
from tests.store.parts import copy, opened, plan

BOX = Box("ops", owner())


def test_threads_are_left_for_others(tmp_path):
    parts = opened(tmp_path)
    mails = StoredMails(Storage(parts.committer, lambda: None), lambda _: None)
    done, begun = threading.Event(), threading.Semaphore(0)
    ended = []

    def slow():
        begun.release()
        done.wait(30)

    async def asked(boxes, work, who):
        await mails._aside(boxes, work)
        ended.append(who)

    async def story():
        async with trio.open_nursery() as nursery:
            for _ in range(limits.READ_THREADS * 2):
                nursery.start_soon(asked, (BOX,), slow, "greedy")
            for _ in range(limits.READ_THREADS_OF_OWNER):
                await trio.to_thread.run_sync(begun.acquire)
            await asked((Box("x", "another"),), lambda: None, "another")
            await asked((BOX, Box("x", "another")), lambda: None, "root")
            assert ended == ["another", "root"]
            done.set()

    trio.run(story)
    assert len(ended) == limits.READ_THREADS * 2 + 2
    assert mails._shares._limiters == {}
    parts.close()


CHANGES = {"removed": "", "given-away": '[mailboxes.ops]\naddress = "ops@agent.test"\nowner = "nobody"\n'}


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
def test_a_mailbox_that_is_no_longer_his_is_not_touched(tmp_path, after):
    parts = opened(tmp_path)
    (placed,) = parts.committer.commit(plan(copy())).outcomes
    before = (tmp_path / "data/inbox/ops" / placed.ref.file).read_bytes()
    (tmp_path / "config.toml").write_text(f'domain = "agent.test"\n{after}')
    config = load(tmp_path / "config.toml", tmp_path / "data")
    mails = StoredMails(Storage(parts.committer, lambda: None, lambda: config), lambda _: None)
    with pytest.raises(Failed, match="try again"):
        trio.run(mails.mark, BOX, placed.id, True)
    assert (tmp_path / "data/inbox/ops" / placed.ref.file).read_bytes() == before
    parts.close()


def test_marking_waits_for_nobody_s_searches(tmp_path):
    """It keeps whoever deletes the mailbox waiting, and he every other change of the configuration."""
    parts = opened(tmp_path)
    (placed,) = parts.committer.commit(plan(copy())).outcomes
    mails = StoredMails(Storage(parts.committer, lambda: None), lambda _: None)
    done = threading.Event()

    async def story():
        async with trio.open_nursery() as nursery:
            for number in range(limits.READ_THREADS * 2):
                nursery.start_soon(mails._aside, (Box("x", f"user{number}"),), lambda: done.wait(30))
            await trio.testing.wait_all_tasks_blocked()
            await mails.mark(BOX, placed.ref.id, True)
            assert not done.is_set()
            done.set()

    trio.run(story)
    assert b"\nread = true\n" in (tmp_path / "data/inbox/ops" / placed.ref.file).read_bytes()
    parts.close()
