"""Every file of a mailbox is looked at now and then: who waits for that, and what goes on beside it."""

import os
import shutil
import threading

import msgspec
import pytest
import trio

from aimx import limits
from aimx.daemon.mails import StoredMails
from aimx.daemon.storage import Storage
from aimx.model.query import Box
from aimx.store import indexread, reconcile
from aimx.store.browse import Directory, Place
from aimx.store.rebuild import Rebuild
from tests.harness import owner
from tests.store.library import ALL, INBOX, OPS, Library, drop, indexed, message
from tests.store.parts import copy, opened, plan

NAMES = [f"mail-{number:02}" for number in range(12)]


@pytest.fixture
def library(store):
    return Library(store)


@pytest.fixture
def large(library, tmp_path, monkeypatch):
    """A mailbox with more files than are looked at while somebody waits; it is due to be swept."""
    monkeypatch.setattr(limits, "SWEEP_FEW", len(NAMES) - 2)
    monkeypatch.setattr(limits, "SWEEP_ROWS", 5)
    monkeypatch.setattr(limits, "SWEEP_S", 0.0)  # every step is one that ends
    for stem in NAMES:
        drop(tmp_path, stem)
    assert library.counts().unread == len(NAMES)
    library.later()
    return library


@pytest.fixture
def sweeping(large):
    """The steps of a sweep that has just been asked for."""
    assert large.counts().inbox == len(NAMES)
    steps = sweeps(large)
    yield steps
    steps.close()


def sweeps(library, boxes=OPS):
    """The steps of what is due."""
    return Rebuild(library.parts.committer.folders, library.index, library.reconciler).sweeps(lambda: boxes)


def looked(monkeypatch) -> list[str]:
    """The messages whose files are looked at from now on."""
    stems: list[str] = []
    mark = Directory.mark
    monkeypatch.setattr(Directory, "mark", lambda self, stem, *more: stems.append(stem) or mark(self, stem, *more))
    return stems


def read_in_place(tree, stem) -> None:
    """The owner marks a mail in his own way: neither the directory nor the name is another."""
    with open(tree / f"data/inbox/ops/{stem}.md", "r+b") as file:
        octets = file.read().replace(b"read = false", b"read = true ")
        file.seek(0)
        file.write(octets)


def slow(stem) -> bytes:
    """A document that takes long to read."""
    return message(stem, subject="Slow").replace(b"+++\n\n", b"x = [" + b"1," * 20_000 + b"]\n+++\n\n")


def test_nobody_waits_while_every_file_of_a_large_mailbox_is_looked_at(large, tmp_path, monkeypatch):
    (tmp_path / f"data/inbox/ops/{NAMES[8]}.md").write_bytes(message(NAMES[8], body="novel\n"))
    read_in_place(tmp_path, NAMES[3])
    with monkeypatch.context() as patched:
        stems = looked(patched)
        assert [large.counts().unread for _ in range(2)] == [len(NAMES)] * 2
        assert (stems, large.unswept) == ([], [1])
        steps = [len(stems) for _ in sweeps(large)]
    assert sorted(set(stems)) == NAMES
    assert steps[0] < 2 * limits.SWEEP_ROWS
    assert len(steps) > 2 * len(NAMES) // limits.SWEEP_ROWS
    assert large.counts().unread == len(NAMES) - 1
    assert large.ids("novel") == [NAMES[8]]
    assert list(sweeps(large)) == []
    large.later()
    large.counts()
    assert list(sweeps(large))


def test_a_sweep_finds_what_is_no_mail_any_more(large, tmp_path):
    path = tmp_path / f"data/inbox/ops/{NAMES[7]}.md"
    os.link(path, tmp_path / "another-name")  # the directory itself is as it was
    large.counts()
    large.swept()
    assert (large.gone, large.counts().inbox) == ([NAMES[7]], len(NAMES) - 1)
    (tmp_path / "another-name").unlink()
    large.later()
    large.counts()
    large.swept()
    assert large.counts().inbox == len(NAMES)


def test_a_sweep_finds_what_was_removed_and_added_behind_the_back_of_the_directory(large, tmp_path):
    """Its time was set back, as programs do that copy directories."""
    box = tmp_path / "data/inbox/ops"
    before = box.stat()
    (box / f"{NAMES[4]}.md").unlink()
    drop(tmp_path, "another")
    os.utime(box, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert large.counts().inbox == len(NAMES)
    large.swept()
    assert sorted(large.ids()) == sorted({*NAMES, "another"} - {NAMES[4]})
    assert (large.gone, large.counts().inbox) == ([NAMES[4]], len(NAMES))


def test_few_files_are_looked_at_while_somebody_waits(large, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SWEEP_FEW", len(NAMES))
    read_in_place(tmp_path, NAMES[3])
    assert large.counts().unread == len(NAMES) - 1
    assert large.unswept == []


def test_few_files_are_few_in_all_mailboxes_together(large, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SWEEP_FEW", len(NAMES) + 3)
    for stem in NAMES:
        drop(tmp_path, stem, mailbox="dev")
    large.counts()
    large.later()
    read_in_place(tmp_path, NAMES[3])
    large.counts()
    assert large.unswept == [1]
    assert large.reconciler.due() == {Place("inbox", "dev")}


def test_where_nobody_sweeps_in_the_background_who_asks_waits(large, store, tmp_path):
    """A command beside no daemon ends with its answer."""
    mails = StoredMails(Storage(store.committer, lambda: None), lambda _: None)
    reconciler = mails._reconciler
    assert trio.run(mails.counts, OPS)["ops"].unread == len(NAMES)
    reconciler._monotonic = lambda now=reconciler._monotonic: now() + limits.RECONCILE_SWEEP_S
    read_in_place(tmp_path, NAMES[3])
    assert trio.run(mails.counts, OPS)["ops"].unread == len(NAMES) - 1
    assert reconciler.due() == frozenset()


def test_a_sweep_waits_for_whoever_is_at_the_mailbox_and_goes_on(large, sweeping, tmp_path):
    read_in_place(tmp_path, NAMES[3])
    assert next(sweeping) == "ops"
    with large.reconciler._care_of(INBOX).lock:
        assert [next(sweeping) for _ in range(20)] == ["ops"] * 20
    assert 0 < len(list(sweeping)) < 20
    assert large.counts().unread == len(NAMES) - 1


def test_a_sweep_goes_on_when_mail_comes_that_takes_long_to_read(large, sweeping, store, tmp_path):
    read_in_place(tmp_path, NAMES[3])
    for number in range(3):
        next(sweeping)
        stem = f"2026-03-14-15092{number}-slow"
        store.committer.commit(plan(msgspec.structs.replace(copy(stem), document=slow(stem))))
        large.index.flush()
    list(sweeping)
    assert large.counts().unread == len(NAMES) - 1 + 3


def test_a_sweep_ends_when_the_mailbox_is_another_directory(large, sweeping, store, tmp_path):
    next(sweeping)
    box = tmp_path / "data/inbox/ops"
    shutil.move(box, tmp_path / "before")
    box.mkdir(mode=0o700)
    shutil.chown(box, owner())
    drop(tmp_path, "other")
    assert large.ids() == ["other"]
    for path in (tmp_path / "before").iterdir():
        path.write_bytes(message(path.stem, subject="Changed"))
    assert len(list(sweeping)) <= 1
    assert [row["stem"] for row in indexed(store)] == ["other"]


def test_who_asks_while_a_sweep_is_at_the_mailbox_sees_what_he_has_just_put_there(
    large, sweeping, tmp_path, monkeypatch
):
    """A step is short; who does not wait for it would be told of the mailbox as it was."""
    acquired, waits, ids = reconcile._acquired, threading.Event(), []
    drop(tmp_path, "new")
    large.now += 2  # since the last comparison
    asking = threading.Thread(target=lambda: ids.extend(large.ids()))

    def tried(lock, wait_s):
        if threading.current_thread() is asking and wait_s:
            waits.set()
        return acquired(lock, wait_s)

    def mark(self, *told, mark=Directory.mark):
        if threading.current_thread() is not asking and not asking.ident:
            asking.start()
            waits.wait(10)
        return mark(self, *told)

    monkeypatch.setattr(reconcile, "_acquired", tried)
    monkeypatch.setattr(Directory, "mark", mark)
    next(sweeping)
    asking.join()
    assert "new" in ids


def test_owners_have_turns(large, tmp_path, monkeypatch):
    """What one of them left in his mailbox keeps no other waiting."""
    folders = large.parts.committer.folders
    browse = folders.browse
    monkeypatch.setattr(folders, "browse", lambda folder, mailbox, _: browse(folder, mailbox, owner()))
    monkeypatch.setattr(limits, "SWEEP_FEW", 0)
    for number in range(40):
        drop(tmp_path, f"more-{number:02}")
    drop(tmp_path, "mail", mailbox="dev")
    large.counts()
    large.later()
    large.counts()
    steps = sweeps(large, (Box("ops", "ann"), Box("dev", "bob")))
    assert [next(steps) for _ in range(8)] == [*["ops", "dev"] * 3, "ops", "ops"]
    large.later()
    large.counts()  # both are due again; what is under way is not begun twice
    assert [next(steps) for _ in range(2)] == ["ops", "dev"]
    assert list(steps).count("ops") < 20


def test_a_step_ends_when_reading_takes_long(large, tmp_path, monkeypatch):
    read = []
    entry = indexread.read

    def slowly(*told):
        read.append(told[2])
        large.now += 1
        return entry(*told)

    monkeypatch.setattr(indexread, "read", slowly)
    monkeypatch.setattr(limits, "SWEEP_S", 0.5)
    for stem in NAMES:
        read_in_place(tmp_path, stem)
    most = 0
    with large.parts.committer.folders.browse("inbox", "ops", owner()) as directory:
        for _ in large.reconciler.sweep(INBOX, directory):
            most = max(most, len(read))
            read.clear()
    assert most == 1
    large.now += 2
    monkeypatch.undo()
    assert large.counts().unread == 0


def test_steps_are_put_together_until_their_time_is_over(large, sweeping, monkeypatch):
    monkeypatch.setattr(limits, "SWEEP_S", 3600.0)
    assert list(sweeping) == []
    assert large.reconciler.due() == frozenset()


def test_what_is_no_mail_is_remembered_up_to_a_bound(large, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "STRANGE_ENTRIES", 4)
    for number in range(50):
        (tmp_path / f"data/inbox/ops/dir-{number:02}").mkdir()
    large.counts()
    large.later()
    large.counts()
    assert len(list(sweeps(large))) < 40
    assert len(large.reconciler._care_of(INBOX).strange) == 4


def test_a_sweep_ends_when_the_mailbox_is_somebody_elses(large, sweeping, store, tmp_path, monkeypatch):
    """For whom it was opened every file there is a stranger's: he would be told that the new owner's mail is gone."""
    next(sweeping)
    stamp, stamps = Directory.stamp, store.committer.tree.stamps
    monkeypatch.setattr(Directory, "stamp", lambda self: stamp(self)._replace(uid=stamp(self).uid + 1))
    stamps.compared(INBOX, stamps.known(INBOX)._replace(uid=stamps.known(INBOX).uid + 1))
    monkeypatch.setattr(Directory, "_sound", lambda *_: False)
    assert len(list(sweeping)) <= 1
    assert large.gone == []


def test_few_owners_have_their_turns_at_once(large, tmp_path, monkeypatch):
    """A sweep holds descriptors."""
    folders = large.parts.committer.folders
    browse = folders.browse
    monkeypatch.setattr(folders, "browse", lambda folder, mailbox, _: browse(folder, mailbox, owner()))
    monkeypatch.setattr(limits, "SWEEP_FEW", 0)
    monkeypatch.setattr(limits, "SWEEP_OWNERS", 1)
    drop(tmp_path, "mail", mailbox="dev")
    large.counts()
    large.later()
    large.counts()
    told = list(sweeps(large, (Box("ops", "ann"), Box("dev", "bob"))))
    assert told == sorted(told, key=told.index)
    assert set(told) == {"ops", "dev"}


def test_what_cannot_be_swept_is_told(large, sweeping, told, monkeypatch):
    monkeypatch.setattr(large.reconciler._boxes, "known", lambda *_: 1 / 0)
    assert len(list(sweeping)) <= 1
    assert 'event=mailbox-not-swept mailbox=ops folder=inbox why="ZeroDivisionError' in told.getvalue()


def test_mail_that_takes_long_to_read_makes_nobody_compare(store, library, monkeypatch):
    assert library.ids() == []
    monkeypatch.setattr(Directory, "names", lambda _: pytest.fail("listed"))
    for number in range(3):
        stem = f"2026-03-14-15092{number}-slow"
        store.committer.commit(plan(msgspec.structs.replace(copy(stem), document=slow(stem))))
        assert stem in library.ids()


def test_very_much_mail_that_takes_long_to_read_is_found_by_comparing(store, library, monkeypatch):
    monkeypatch.setattr(limits, "INDEX_BATCH_ROWS", 2)
    assert library.ids() == []
    for number in range(5):
        stem = f"2026-03-14-15092{number}-slow"
        store.committer.commit(plan(msgspec.structs.replace(copy(stem), document=slow(stem))))
    library.now += 2
    assert len(library.ids()) == 5


def test_mail_that_takes_long_and_could_not_be_read_is_read_by_the_next_who_asks(store, library, monkeypatch):
    assert library.ids() == []
    stem = "2026-03-14-150926-slow"
    store.committer.commit(plan(msgspec.structs.replace(copy(stem), document=slow(stem))))
    library.index.flush()
    with monkeypatch.context() as patched:
        patched.setattr(indexread, "read", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            library.ids()
    assert library.ids() == [stem]


def test_who_asks_while_another_reads_what_takes_long_waits_for_it(store, library, monkeypatch):
    assert library.ids() == []
    stem = "2026-03-14-150926-slow"
    store.committer.commit(plan(msgspec.structs.replace(copy(stem), document=slow(stem))))
    library.index.flush()
    acquired, read, waits, ids = reconcile._acquired, indexread.read, threading.Event(), []
    asking = threading.Thread(target=lambda: ids.extend(library.ids()))

    def tried(lock, wait_s):
        if threading.current_thread() is asking and wait_s:
            waits.set()
        return acquired(lock, wait_s)

    def reading(*told, **more):
        if not asking.ident:
            asking.start()
            waits.wait(10)
        return read(*told, **more)

    monkeypatch.setattr(reconcile, "_acquired", tried)
    monkeypatch.setattr(indexread, "read", reading)
    assert library.ids() == [stem]
    asking.join()
    assert ids == [stem]


@pytest.mark.parametrize("how", ["marked", "removed"])
def test_what_is_changed_between_its_reading_and_its_row_is_seen(store, library, tmp_path, monkeypatch, how):
    """Whoever marks it finds no row yet, and the row that comes then is of the file as it was."""
    assert library.ids() == []
    drop(tmp_path, NAMES[0])
    library.later()
    read = indexread.read

    def and_then(*told):
        entry = read(*told)
        monkeypatch.setattr(indexread, "read", read)
        if how == "marked":
            read_in_place(tmp_path, NAMES[0])
        else:
            (tmp_path / f"data/inbox/ops/{NAMES[0]}.md").unlink()
        return entry

    monkeypatch.setattr(indexread, "read", and_then)
    library.counts()
    assert [(row["stem"], row["unread"]) for row in indexed(store)] == ([(NAMES[0], 0)] if how == "marked" else [])


@pytest.mark.parametrize("other", ["another rebuild", "what is missing"])
def test_two_who_build_one_mailbox_do_not_wait_for_each_other_for_ever(library, tmp_path, monkeypatch, other):
    """The steps of both go through one thread: who waits in it for a lock never gets it."""
    monkeypatch.setattr(limits, "INDEX_BUILD_ROWS", 2)
    for stem in NAMES:
        drop(tmp_path, stem)
    rebuild = Rebuild(library.parts.committer.folders, library.index, library.reconciler)
    first = rebuild.everything(OPS, whole=False)
    while next(first).done == 0:
        pass
    second = rebuild.everything(OPS, whole=False) if other == "another rebuild" else rebuild.missing(OPS)
    for _ in range(3):
        next(second, None)  # comes back
    steps = [first, second]
    while steps:
        steps = [one for one in steps if next(one, None) is not None]
    assert library.ids() == NAMES[::-1]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A mailbox that is due whenever it is asked, and who takes care of it."""
    monkeypatch.setattr(limits, "SWEEP_FEW", 5)
    monkeypatch.setattr(limits, "SWEEP_ROWS", 3)
    monkeypatch.setattr(limits, "SWEEP_S", 0.0)
    monkeypatch.setattr(limits, "RECONCILE_SWEEP_S", 0.0)
    parts = opened(tmp_path, "dev")
    for stem in NAMES:
        drop(tmp_path, stem)
    yield StoredMails(Storage(parts.committer, lambda: None), lambda _: None)
    parts.close()


async def _until_read(mails) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mails.care, lambda: ALL)
        with trio.fail_after(60):
            while (await mails.counts(OPS))["ops"].unread != len(NAMES) - 1:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


def test_the_daemon_sweeps_in_the_background_and_others_have_as_long(served, tmp_path, monkeypatch):
    assert trio.run(served.counts, OPS)["ops"].unread == len(NAMES)
    read_in_place(tmp_path, NAMES[11])
    rests, sleep = [], trio.sleep
    monkeypatch.setattr(trio, "sleep", lambda seconds: rests.append(seconds) or sleep(0))
    trio.run(_until_read, served)
    assert rests
    assert 0 < min(rests) <= max(rests) <= limits.SWEEP_REST_S


def test_a_sweep_for_which_there_is_no_thread_is_told_and_the_next_one_comes(served, tmp_path, told, monkeypatch):
    assert trio.run(served.counts, OPS)["ops"].unread == len(NAMES)
    read_in_place(tmp_path, NAMES[11])
    stepwise, once = served._stepwise, []

    def none_at_first(steps):
        if steps.__name__ == "sweeps" and not once:
            once.append(steps)
            raise RuntimeError("can't start new thread")
        return stepwise(steps)

    monkeypatch.setattr(served, "_stepwise", none_at_first)
    trio.run(_until_read, served)
    assert 'event=mailboxes-not-swept why="RuntimeError' in told.getvalue()
