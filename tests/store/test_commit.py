"""One message, every copy: names, outcomes, repeats, and nothing left behind by our own failures."""

import errno
import os
import threading
import tomllib
from pathlib import Path

import psutil
import pytest

from aimx.effects import files
from aimx.errors import StorageFailed
from aimx.model.delivery import Duplicate, File, HookJob, InSpool, Placed, Ref
from aimx.store import publish, staging
from tests.harness import owner
from tests.store.parts import copy, opened, plan, rows, tree_of

STEM = "2025-03-14-150926-hello"
ATTACHED = (File("a.txt", b"one"), File("b.bin", b"two" * 1000))


def _ids(done):
    return [outcome.id for outcome in done.outcomes]


def test_a_flat_copy(store, tmp_path):
    done = store.committer.commit(plan())
    path = tmp_path / "data/inbox/ops" / f"{STEM}.md"
    mark = staging.mark(path.stat())
    assert done.outcomes == (Placed("ops", STEM, str(path), Ref("inbox", "ops", owner(), STEM, mark)),)
    assert tomllib.loads(path.read_text().split("+++\n")[1])["id"] == STEM
    assert path.stat().st_mode & 0o7777 == 0o644
    assert path.parent.stat().st_mode & 0o7777 == 0o700
    assert (rows(store, "intents"), rows(store, "events"), rows(store, "spool")) == (0, 1, 0)
    assert tree_of(tmp_path / "data/.aimx/staging") == []


def test_a_bundle(store, tmp_path):
    store.committer.commit(plan(copy(files=ATTACHED)))
    bundle = tmp_path / "data/inbox/ops" / STEM
    assert tree_of(bundle) == [f"{STEM}.md", "a.txt", "b.bin"]
    assert bundle.stat().st_mode & 0o7777 == 0o700
    assert (bundle / "b.bin").read_bytes() == b"two" * 1000


@pytest.mark.parametrize(
    ("first", "second"),
    [((), ()), (ATTACHED, ATTACHED), ((), ATTACHED), (ATTACHED, ())],
    ids=["flat flat", "bundle bundle", "flat bundle", "bundle flat"],
)
def test_equal_names_get_numbers(store, first, second):
    names = [_ids(store.committer.commit(plan(copy(files=kind)))) for kind in (first, second, first)]
    assert names == [[STEM], [f"{STEM}-2"], [f"{STEM}-3"]]


def test_numbers_do_not_depend_on_memory(tmp_path):
    for expected in (STEM, f"{STEM}-2", f"{STEM}-3"):
        store = opened(tmp_path)
        assert _ids(store.committer.commit(plan())) == [expected]
        store.close()


def test_many_equal_names_at_once(store):
    names, lock = [], threading.Lock()

    def one():
        for _ in range(10):
            done = store.committer.commit(plan())
            with lock:
                names.extend(_ids(done))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(names)) == 80


def test_an_attachment_never_has_the_name_of_the_message_file(store, tmp_path):
    done = store.committer.commit(plan(copy(files=(File(f"{STEM}.md", b"attached"),))))
    assert _ids(done) == [f"{STEM}-2"]
    assert (tmp_path / "data/inbox/ops" / f"{STEM}-2" / f"{STEM}.md").read_bytes() == b"attached"


@pytest.mark.parametrize("name", ["../x", "/etc/cron.d/x", "..", ".", "", "a/b", "a\0b"])
def test_a_path_is_never_taken_for_an_attachment_name(store, tmp_path, name):
    with pytest.raises(StorageFailed):
        store.committer.commit(plan(copy(files=(File(name, b"x"),))))
    assert tree_of(tmp_path / "data/.aimx/staging") == []
    assert tree_of(tmp_path / "data/inbox") == ["dev", "ops"]


# Owner-made trouble: the copy waits, the others arrive


def _symlink(box, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    box.rmdir()
    box.symlink_to(tmp_path / "elsewhere")


def _fifo(box, _):
    box.rmdir()
    os.mkfifo(box)


def _file(box, _):
    box.rmdir()
    box.write_text("")


@pytest.mark.parametrize("spoil", [_symlink, _fifo, _file])
@pytest.mark.parametrize("files", [(), ATTACHED], ids=["flat", "bundle"])
def test_a_spoiled_mailbox_spools_and_delays_nobody(store, tmp_path, spoil, files):
    spoil(tmp_path / "data/inbox/ops", tmp_path)
    done = store.committer.commit(plan(copy(files=files), copy(mailbox="dev", files=files)))
    assert isinstance(done.outcomes[0], InSpool)
    assert isinstance(done.outcomes[1], Placed)
    assert (rows(store, "spool"), rows(store, "intents")) == (1, 0)
    assert len(os.listdir(tmp_path / "data/.aimx/spool")) == 1
    elsewhere = tmp_path / "elsewhere"
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


@pytest.mark.parametrize("files", [(), ATTACHED], ids=["flat", "bundle"])
def test_a_spooled_copy_is_as_durable_as_a_placed_one(store, tmp_path, monkeypatch, files):
    _file(tmp_path / "data/inbox/ops", tmp_path)
    spool, real, synced = tmp_path / "data/.aimx/spool", os.fsync, []

    def fsync(fd):
        if os.path.samestat(os.fstat(fd), spool.stat()):
            synced.append((len(os.listdir(spool)), rows(store, "spool")))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    store.committer.commit(plan(copy(files=files)))
    assert synced == [(1, 0)]  # after the rename, before the promise is settled


def test_unknown_owner_spools(store):
    unknown = copy()
    unknown = type(unknown)(**{f: getattr(unknown, f) for f in unknown.__struct_fields__} | {"owner": "no-such-user"})
    if not store.accounts.as_root:
        pytest.skip("without root every owner is ourselves")
    (outcome,) = store.committer.commit(plan(unknown)).outcomes
    assert outcome == InSpool("ops", "owner-not-found: no-such-user")


@pytest.mark.parametrize("kind", ["file", "directory", "symlink", "fifo"])
@pytest.mark.parametrize("files", [(), ATTACHED], ids=["flat", "bundle"])
def test_a_squatter_between_look_and_rename_gets_out_of_the_way(store, tmp_path, monkeypatch, kind, files):
    box = tmp_path / "data/inbox/ops"
    real = publish.files.rename_noreplace
    squatted = []

    def rename(source, name, target, final):
        if not squatted and final.startswith(STEM):
            squatted.append(final)
            path = box / final
            {"file": path.touch, "directory": path.mkdir, "symlink": lambda: path.symlink_to("/etc/shadow"),
             "fifo": lambda: os.mkfifo(path)}[kind]()  # fmt: skip
        return real(source, name, target, final)

    monkeypatch.setattr(publish.files, "rename_noreplace", rename)
    done = store.committer.commit(plan(copy(files=files, jobs=(HookJob("h", "ops", "on_receive", {}, ""),))))
    (outcome,) = done.outcomes
    assert outcome.id == f"{STEM}-2"
    text = Path(outcome.path).read_text()
    assert tomllib.loads(text.split("+++\n")[1])["id"] == f"{STEM}-2"
    names = tree_of(box)
    expected = (
        [f"{STEM}-2", f"{STEM}-2/{STEM}-2.md", f"{STEM}-2/a.txt", f"{STEM}-2/b.bin"] if files else [f"{STEM}-2.md"]
    )
    assert set(names) == {*expected, *squatted}
    assert tree_of(tmp_path / "data/.aimx/staging") == []
    assert store.state.run(lambda db: db.execute("SELECT email_id, path FROM jobs").fetchall()) == [
        (outcome.id, outcome.path)
    ]


def test_a_tireless_squatter_gets_the_spool(store, tmp_path, monkeypatch):
    real = publish.files.rename_noreplace

    def rename(source, name, target, final):
        if final.startswith(STEM):
            raise FileExistsError(errno.EEXIST, "squatted")
        return real(source, name, target, final)

    monkeypatch.setattr(publish.files, "rename_noreplace", rename)
    (outcome,) = store.committer.commit(plan()).outcomes
    assert outcome == InSpool("ops", publish.SQUATTED)
    assert len(os.listdir(tmp_path / "data/.aimx/spool")) == 1
    assert tree_of(tmp_path / "data/.aimx/staging") == []


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EACCES, errno.EMLINK])
def test_a_rename_that_the_owner_prevents_spools(store, monkeypatch, number):
    real = publish.files.rename_noreplace

    def rename(source, name, target, final):
        if final.startswith(STEM):
            raise OSError(number, "owner")
        return real(source, name, target, final)

    monkeypatch.setattr(publish.files, "rename_noreplace", rename)
    assert isinstance(store.committer.commit(plan()).outcomes[0], InSpool)


def test_a_quota_on_the_bundle_spools(store, monkeypatch):
    if not store.accounts.as_root:
        pytest.skip("nothing is given away without root")
    monkeypatch.setattr(staging.os, "fchown", lambda *_: (_ for _ in ()).throw(OSError(errno.EDQUOT, "quota")))
    assert isinstance(store.committer.commit(plan(copy(files=ATTACHED))).outcomes[0], InSpool)


# Our own failures: nothing is left


def _failing(monkeypatch, module, name, number, after, forever=False):
    real, calls = getattr(module, name), []

    def call(*arguments, **more):
        calls.append(1)
        if len(calls) == after or (forever and len(calls) >= after):
            raise OSError(number, os.strerror(number))
        return real(*arguments, **more)

    monkeypatch.setattr(module, name, call)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.ENFILE], ids=errno.errorcode.get)
@pytest.mark.parametrize("after", range(1, 9))
@pytest.mark.parametrize("name", ["open", "write", "fsync", "mkdir", "fchmod"])
def test_nothing_is_left_and_the_next_delivery_is_fine(store, tmp_path, monkeypatch, number, after, name):
    with monkeypatch.context() as fault:
        _failing(fault, files.os, name, number, after)
        try:
            store.committer.commit(plan(copy(files=ATTACHED), copy(mailbox="dev", files=ATTACHED)))
            stored = True
        except StorageFailed:
            stored = False
    kept = tree_of(tmp_path / "data/inbox")
    assert len(kept) == (10 if stored else 2), kept
    assert tree_of(tmp_path / "data/.aimx/staging") == tree_of(tmp_path / "data/.aimx/spool") == []
    assert rows(store, "intents") == 0
    assert _ids(store.committer.commit(plan(copy(stem="next")))) == ["next"]


def test_a_published_copy_is_withdrawn_when_a_later_one_fails(store, tmp_path, monkeypatch):
    real = publish.files.rename_noreplace

    def rename(source, name, target, final):
        if final.startswith("second"):
            raise OSError(errno.EIO, "injected")
        return real(source, name, target, final)

    with monkeypatch.context() as fault:
        fault.setattr(publish.files, "rename_noreplace", rename)
        with pytest.raises(StorageFailed):
            store.committer.commit(plan(copy(files=ATTACHED), copy(mailbox="dev", stem="second")))
    assert tree_of(tmp_path / "data/inbox") == ["dev", "ops"]
    assert tree_of(tmp_path / "data/.aimx/staging") == []
    assert (rows(store, "intents"), rows(store, "events")) == (0, 0)


def test_withdrawing_takes_back_what_is_ours_and_nothing_else(store, tmp_path, monkeypatch):
    """The owner replaces the published copy with a file of his own before we fail."""
    box = tmp_path / "data/inbox/ops"

    def settle(*_):
        (box / f"{STEM}.md").unlink()
        (box / "other.md").write_text("other")
        (box / f"{STEM}.md").write_text("mine")
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as fault:
        fault.setattr("aimx.store.commit.ledger.settle", settle)
        with pytest.raises(StorageFailed):
            store.committer.commit(plan())
    assert (box / "other.md").read_text() == "other"
    assert tree_of(tmp_path / "data/.aimx/staging") == []


def test_an_intent_that_cannot_be_forgotten_goes_with_the_next_message(store, monkeypatch):
    with monkeypatch.context() as fault:
        fault.setattr("aimx.store.commit.ledger.settle", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "x")))
        fault.setattr("aimx.store.commit.ledger.forget", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "x")))
        with pytest.raises((StorageFailed, OSError)):
            store.committer.commit(plan())
    assert rows(store, "intents") == 1
    store.committer.commit(plan())
    assert rows(store, "intents") == 0


def test_descriptors_stay_flat(store, tmp_path):
    process = psutil.Process()
    store.committer.commit(plan(copy(files=ATTACHED), copy(mailbox="dev")))
    before = process.num_fds()
    for number in range(20):
        store.committer.commit(plan(copy(files=ATTACHED), copy(mailbox="dev")))
        if number == 10:
            (tmp_path / "data/inbox/dev").rename(tmp_path / "away")
            (tmp_path / "data/inbox/dev").symlink_to(tmp_path / "away")
    with pytest.raises(StorageFailed):
        store.committer.commit(plan(copy(files=(File("/x", b""),))))
    assert process.num_fds() == before


# Repeats (R5)


def test_a_repeat_is_acknowledged_once(store):
    store.committer.commit(plan(key=b"k"))
    assert _ids(store.committer.commit(plan(key=b"k"))) == [f"{STEM}-2"]  # a script that sends a file twice
    store.committer.note_unseen(b"k", ("ops",), plan().received_at)
    assert store.committer.commit(plan(key=b"k")).outcomes == (Duplicate("ops"),)
    assert _ids(store.committer.commit(plan(key=b"k"))) == [f"{STEM}-3"]


def test_only_the_copies_that_arrived_are_repeats(store):
    store.committer.note_unseen(b"k", ("ops",), plan().received_at)
    done = store.committer.commit(plan(copy(), copy(mailbox="dev"), key=b"k"))
    assert done.outcomes[0] == Duplicate("ops")
    assert isinstance(done.outcomes[1], Placed)


def test_a_failed_commit_uses_no_repeat_up(store, monkeypatch):
    store.committer.note_unseen(b"k", ("ops",), plan().received_at)
    with monkeypatch.context() as fault:
        _failing(fault, files.os, "fsync", errno.EIO, 1)
        with pytest.raises(StorageFailed):
            store.committer.commit(plan(copy(), copy(mailbox="dev"), key=b"k"))
    assert store.committer.commit(plan(key=b"k")).outcomes == (Duplicate("ops"),)


def test_a_repeat_is_used_up_with_the_copy_that_came_with_it_or_not_at_all(store, tmp_path, monkeypatch):
    """A failure of either leaves both as they were: the sender tries again, and nobody has two."""
    store.committer.note_unseen(b"k", ("ops",), plan().received_at)
    both = plan(copy(), copy(mailbox="dev"), key=b"k")
    with monkeypatch.context() as fault:
        fault.setattr("aimx.store.ledger.forget_repeats", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "x")))
        with pytest.raises(StorageFailed):
            store.committer.commit(both)
    assert tree_of(tmp_path / "data/inbox") == ["dev", "ops"]
    repeated, placed = store.committer.commit(both).outcomes
    assert (repeated, placed.mailbox) == (Duplicate("ops"), "dev")
    assert isinstance(placed, Placed)
    assert rows(store, "repeats") == 0


def test_ingest_never_repeats(store):
    store.committer.note_unseen(b"k", ("ops",), plan().received_at)
    assert _ids(store.committer.commit(plan(key=None))) == [STEM]


def test_repeats_end_after_a_day(store):
    store.committer.note_unseen(b"k", ("ops",), plan().received_at - 86_401)
    assert _ids(store.committer.commit(plan(key=b"k"))) == [STEM]


def test_a_clock_that_was_ahead_makes_no_repeat_that_stays(store):
    store.committer.note_unseen(b"k", ("ops",), plan().received_at + 1e8)
    assert _ids(store.committer.commit(plan(key=b"k"))) == [STEM]


def test_repeats_survive_a_restart(tmp_path, monkeypatch):
    at = plan().received_at
    monkeypatch.setattr("aimx.daemon.storage.time.time", lambda: at)
    first = opened(tmp_path)
    first.committer.note_unseen(b"k", ("ops",), at)
    first.close()
    second = opened(tmp_path)
    assert second.committer.commit(plan(key=b"k")).outcomes == (Duplicate("ops"),)
    second.close()
