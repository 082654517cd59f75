"""index.db: rows for what was stored, in pages; disposable."""

import os

import pytest

from aimx.model.delivery import File
from tests.store.parts import AT, copy, opened, plan

STEM = "2025-03-14-150926-hello"


def test_a_row_says_what_a_list_shows(store, tmp_path):
    store.committer.commit(plan(copy(files=(File("a.txt", b"one"),))))
    (row,) = store.committer.index.page("ops", 10)
    assert (row.mailbox, row.folder, row.stem, row.received_at) == ("ops", "inbox", STEM, AT)
    assert (row.bundle, row.attachments, row.unread) == (True, 1, True)
    assert (row.from_, row.subject, row.trusted, row.thread_id) == ("a@sender.test", "Hello", "none", "t")
    status = os.stat(tmp_path / "data/inbox/ops" / STEM / f"{STEM}.md")
    assert (row.dev, row.ino, row.size, row.mtime_ns) == (
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    )  # fmt: skip


def test_pages_follow_each_other_without_gap_or_overlap(store):
    for _ in range(25):
        store.committer.commit(plan())
    store.committer.commit(plan(copy(mailbox="dev")))
    seen, before = [], None
    while page := store.committer.index.page("ops", 10, before):
        seen += [row.stem for row in page]
        before = (page[-1].received_at, page[-1].stem)
    assert len(seen) == len(set(seen)) == 25
    assert seen == sorted(seen, reverse=True)


def test_spooled_copies_have_no_row_until_they_arrive(store, tmp_path):
    box = tmp_path / "data/inbox/ops"
    box.rmdir()
    box.symlink_to("/etc")
    store.committer.commit(plan())
    assert store.committer.index.page("ops", 10) == []


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), lambda path: path.write_bytes(b"rubbish" * 999), lambda path: path.write_bytes(b"")],
    ids=["deleted", "rubbish", "empty"],
)
def test_damage_while_stopped_is_harmless(tmp_path, damage):
    first = opened(tmp_path)
    first.committer.commit(plan())
    first.close()
    damage(tmp_path / "data/.aimx/index.db")
    second = opened(tmp_path)
    second.committer.commit(plan())
    assert [row.stem for row in second.committer.index.page("ops", 10)] == [f"{STEM}-2"]
    second.close()


def test_a_broken_index_never_reaches_a_delivery(store, told):
    store.committer.index._connection.execute("DROP TABLE messages")
    for _ in range(3):
        store.committer.commit(plan())
        store.committer.index.flush()
    assert told.getvalue().count("event=index-not-written") == 1
