"""A box of the index against its directory: after any changes by anybody it says what lies there, in flat memory."""

import os
import random
import shutil
import sys
import threading
import tracemalloc

import pytest

from aimx import limits
from aimx.store import group
from aimx.store.browse import Directory
from aimx.store.group import Work
from aimx.store.replace import Replacer
from tests.harness import owner
from tests.store.library import INBOX, Library, drop, indexed, message
from tests.store.parts import copy, opened, plan

NAMES = [f"mail-{number:02}" for number in range(12)]


@pytest.fixture
def library(store):
    return Library(store)


def bundle(box, stem):
    """A mail in a directory of its own, as its owner may put it there."""
    (box / stem).mkdir(exist_ok=True)
    (box / stem / f"{stem}.md").write_bytes(message(stem, subject="In a bundle"))


def fifo(box, stem):
    """Named like mail, and none."""
    path = box / f"{stem}.md"
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def gone(box, stem):
    """Neither a file nor a bundle."""
    (box / f"{stem}.md").unlink(missing_ok=True)
    shutil.rmtree(box / stem, ignore_errors=True)


def flat(box, stem):
    """A mail in a file."""
    path = box / f".{stem}"
    path.write_bytes(message(stem, subject="Flat"))
    path.rename(box / f"{stem}.md")


def listed(box) -> dict[str, bool]:
    """What there is to read, and whether it is a bundle; of a file and a bundle the file is read."""
    found = {path.name: True for path in box.iterdir() if path.is_dir() and (path / f"{path.name}.md").is_file()}
    return found | {path.stem: False for path in box.glob("*.md") if path.is_file()}


@pytest.mark.parametrize("at_a_time", [1, 3, 500])
@pytest.mark.parametrize("seed", range(8))
def test_a_comparison_finds_whatever_was_done(store, library, tmp_path, monkeypatch, seed, at_a_time):
    monkeypatch.setattr(limits, "RECONCILE_ROWS", at_a_time)
    monkeypatch.setattr(limits, "SWEEP_ROWS", at_a_time)
    monkeypatch.setattr(limits, "SWEEP_FEW", seed % 2 * 1000)
    box, chance = tmp_path / "data/inbox/ops", random.Random(seed)
    library.ids()
    for _ in range(12):
        before = listed(box)
        for _ in range(chance.randrange(1, 6)):
            chance.choice((bundle, fifo, gone, gone, flat, flat))(box, chance.choice(NAMES))
        if chance.random() < 0.3:
            store.committer.commit(plan())
        library.later()
        library.gone.clear()
        library.counts()
        library.swept()
        after = listed(box)
        assert {row["stem"]: bool(row["bundle"]) for row in indexed(store)} == after
        assert set(library.gone) == before.keys() - after.keys()


def test_mail_that_came_and_mail_that_went_are_not_mistaken_for_each_other(store, library, tmp_path, monkeypatch):
    """As many went as came: the numbers alone would say that all is as it was."""
    monkeypatch.setattr(limits, "RECONCILE_ROWS", 2)
    box = tmp_path / "data/inbox/ops"
    for stem in NAMES:
        drop(tmp_path, stem)
    library.ids()
    for stem in NAMES[:5]:
        gone(box, stem)
        flat(box, f"new-{stem}")
    library.later()
    assert sorted(library.ids()) == sorted([*NAMES[5:], *(f"new-{stem}" for stem in NAMES[:5])])
    assert sorted(library.gone) == NAMES[:5]


def test_commits_side_by_side_leave_no_gap(store, library):
    """What each thread saw before and after its own change is one chain, so nobody has to compare the directory."""
    library.ids()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def commit(number: int) -> None:
        for mail in range(25):
            store.committer.commit(plan(copy(f"2025-03-14-150926-mail-{number}-{mail}")))

    threads = [threading.Thread(target=commit, args=(number,)) for number in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    store.committer.index.flush()
    directory = store.committer.folders.browse("inbox", "ops", owner())
    with directory:
        assert store.committer.tree.stamps.known(INBOX) == directory.stamp()


def _compared(tree, count: int) -> int:
    """The most octets that a comparison of so many mails has at once."""
    parts = opened(tree)
    try:
        library = Library(parts)
        for number in range(count):
            drop(tree, f"mail-{number:05}", b"no frontmatter\n")
        library.counts()
        drop(tree, "another")
        library.later()
        tracemalloc.start()
        library.counts()
        (_, most) = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert library.counts().inbox == count + 1
        return most
    finally:
        parts.close()


def test_a_comparison_needs_no_more_memory_for_more_mail(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "RECONCILE_ROWS", 500)
    few, many = (_compared(tmp_path / str(count), count) for count in (1000, 6000))
    assert many < few * 1.5


def _on_its_way(store):
    """A commit that has renamed its mail and waits for the sync of its directory."""
    steps = store.committer.steps(plan())
    step = next(steps)
    while isinstance(step, Work) or step.fd == store.committer.tree.staging:
        step = steps.send(store.state.run(step.work) if isinstance(step, Work) else None)
    return steps


def test_mail_that_is_just_being_stored_makes_nobody_compare(store, library, monkeypatch):
    library.ids()
    library.now += 100
    library.ids()
    with monkeypatch.context() as patched:
        patched.setattr(library.reconciler, "_compare", lambda *_: pytest.fail("compared"))
        steps = _on_its_way(store)
        assert library.ids() == []
    with pytest.raises(RuntimeError):
        steps.throw(RuntimeError("the disk is gone"))
    library.now += 2
    assert library.ids() == []


@pytest.mark.parametrize("when", ["first-build", "rebuild"])
def test_mail_that_comes_while_a_directory_is_listed_is_in_what_is_built(store, library, monkeypatch, when):
    """It is not among the names, and what its commit noted came before there was anything to note it in."""
    if when == "rebuild":
        assert library.ids() == []
        library.index.run(lambda writer: writer.retire(frozenset()))
        store.committer.tree.stamps.forget()
    names, mail = Directory.names, [plan()]

    def listing(directory):
        yield from names(directory)
        while mail:
            store.committer.commit(mail.pop())

    with monkeypatch.context() as patched:
        patched.setattr(Directory, "names", listing)
        library.counts()
    assert not mail
    assert library.ids() == ["2025-03-14-150926-hello"]
    assert library.counts().inbox == 1


def test_a_record_that_is_removed_after_it_was_read_is_not_in_what_is_built(store, library):
    """The record of a send that came to nothing, while the mailbox is built; its removal is known to be ours."""
    (placed,) = store.committer.commit(plan()).outcomes
    with store.committer.folders.browse("inbox", "ops", owner()) as directory:
        steps = library.reconciler.steps(INBOX, directory)
        assert next(steps) == 1
        replacer = Replacer(store.committer.tree, store.committer.publisher.litter)
        assert group.run(store.state, replacer.remove(placed.ref)) == ""
        library.index.forget(placed.ref)
        assert list(steps) == []
        assert store.committer.tree.stamps.known(INBOX) == directory.stamp()
    assert library.counts().inbox == 0
    assert indexed(store) == []


def test_mail_whose_way_takes_too_long_is_looked_for(store, library, monkeypatch):
    library.ids()
    monkeypatch.setattr(limits, "STAMPS_COMING_S", 0.0)
    steps = _on_its_way(store)
    library.now += 2
    assert library.ids() == ["2025-03-14-150926-hello"]
    steps.close()
