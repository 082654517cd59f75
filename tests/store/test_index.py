"""index.db: lists, counts and searches that say what the files say; disposable."""

import os
import shutil
import sqlite3
import threading
import time
from functools import partial

import pytest

from aimx import limits
from aimx.errors import EmailNotFound, Refused, ResourcesExhausted
from aimx.model.delivery import File
from aimx.model.query import Counts, Term
from aimx.store import indexrow
from tests.store.library import ALL, DEV, INBOX, OPS, Library, drop, indexed, message
from tests.store.parts import AT, copy, opened, plan

STEM = "2025-03-14-150926-hello"


@pytest.fixture
def library(store):
    return Library(store)


def test_a_row_says_what_a_list_shows(store, library, tmp_path):
    store.committer.commit(plan(copy(files=(File("a.txt", b"one"),))))
    (row,) = library.find().rows
    path = tmp_path / "data/inbox/ops" / STEM / f"{STEM}.md"
    assert (row.mailbox, row.folder, row.id, row.received_at, row.path) == ("ops", "inbox", STEM, AT, str(path))
    assert (row.bundle, row.read, row.subject, row.size) == (True, False, "Hello", os.stat(path).st_size)


def test_index_is_for_root_only(store, library, tmp_path):
    store.committer.commit(plan())
    library.counts()
    for suffix in ("", "-wal", "-shm"):
        assert os.stat(tmp_path / f"data/.aimx/index.db{suffix}").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("terms", [(), ("hi",)], ids=["list", "search"])
@pytest.mark.parametrize("limit", [1, 3, 10, 25, 60])
def test_pages_follow_each_other_without_gap_or_overlap(store, library, terms, limit):
    for _ in range(25):
        store.committer.commit(plan(copy(), copy(mailbox="dev")))
    rows = library.pages(*terms, limit=limit, boxes=ALL)
    keys = [(row.id, row.mailbox) for row in rows]
    assert len(set(keys)) == len(keys) == 50
    assert [row.id for row in rows] == sorted((row.id for row in rows), reverse=True)
    assert [mailbox for _, mailbox in keys] == ["dev", "ops"] * 25


@pytest.mark.parametrize("boxes", [OPS, ALL], ids=["one", "two"])
@pytest.mark.parametrize("terms", [(), ("hi",)], ids=["list", "search"])
@pytest.mark.parametrize("offset", [0, 1, 7, 12, 40])
def test_an_offset_leaves_out_the_newest(store, library, boxes, terms, offset):
    for _ in range(10):
        store.committer.commit(plan(copy(), copy(mailbox="dev")))
    everything = library.ids(*terms, boxes=boxes)
    assert library.ids(*terms, boxes=boxes, offset=offset, limit=3) == everything[offset : offset + 3]


def test_rubbish_is_no_cursor(library):
    for cursor in ("x", "!", "e30", "WzEsMiwzXQ", "\ud800"):
        with pytest.raises(Refused):
            library.find(cursor=cursor)


def test_spooled_copies_have_no_row_until_they_arrive(store, library, tmp_path):
    box = tmp_path / "data/inbox/ops"
    box.rmdir()
    box.symlink_to("/etc")
    store.committer.commit(plan())
    assert library.ids() == []


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.unlink(), lambda path: path.write_bytes(b"rubbish" * 999), lambda path: path.write_bytes(b"")],
    ids=["deleted", "rubbish", "empty"],
)
def test_damage_while_stopped_costs_nothing_but_a_rebuild(tmp_path, damage):
    first = opened(tmp_path)
    first.committer.commit(plan())
    first.close()
    damage(tmp_path / "data/.aimx/index.db")
    second = opened(tmp_path)
    second.committer.commit(plan())
    assert Library(second).ids() == [f"{STEM}-2", STEM]
    second.close()


def test_an_index_of_another_version_is_made_anew(tmp_path):
    first = opened(tmp_path)
    first.committer.commit(plan())
    first.close()
    with sqlite3.connect(tmp_path / "data/.aimx/index.db") as db:
        db.execute("PRAGMA user_version = 2")
    second = opened(tmp_path)
    assert Library(second).ids() == [STEM]
    second.close()


def test_an_index_that_is_removed_or_overwritten_while_it_serves_is_made_anew(store, library, tmp_path):
    store.committer.commit(plan())
    path = tmp_path / "data/.aimx/index.db"
    assert library.ids() == [STEM]
    path.unlink()
    assert library.ids() == [STEM]
    store.committer.commit(plan())
    assert library.ids() == [f"{STEM}-2", STEM]
    path.write_bytes(b"rubbish" * 99_999)
    assert library.ids("hi") == [f"{STEM}-2", STEM]


def test_a_broken_index_never_reaches_a_delivery(store, library, told):
    store.committer.commit(plan())
    assert library.ids() == [STEM]
    store.committer.index.run(lambda writer: writer.db.execute("DROP TABLE messages"))
    for _ in range(3):
        store.committer.commit(plan())
        store.committer.index.flush()
    assert told.getvalue().count("event=index-renewed") == 1
    assert len(library.ids()) == 4


# Files are the truth


def test_a_removed_message_is_not_listed_and_is_told(store, library, tmp_path):
    for _ in range(3):
        store.committer.commit(plan())
    assert library.counts().inbox == 3
    (tmp_path / f"data/inbox/ops/{STEM}-2.md").unlink()
    assert library.ids() == [f"{STEM}-3", STEM]
    assert library.gone == [f"{STEM}-2"]
    assert (library.counts().inbox, library.counts().unread) == (2, 2)


def _without_message(box):
    (box / STEM / f"{STEM}.md").unlink()


def _as_a_link(box):
    shutil.rmtree(box / STEM)
    (box / f"{STEM}.md").symlink_to("/etc/passwd")


def _as_a_directory(box):
    shutil.rmtree(box / STEM)
    (box / STEM).mkdir()


@pytest.mark.parametrize("spoil", [_without_message, _as_a_link, _as_a_directory])
def test_a_name_that_no_longer_holds_mail_is_not_counted(store, library, tmp_path, spoil):
    store.committer.commit(plan(copy(files=(File("a.txt", b"one"),))))
    assert library.counts() == Counts(1, 1, 0)
    library.later()
    spoil(tmp_path / "data/inbox/ops")
    assert library.counts() == Counts(0, 0, 0)
    assert library.gone == [STEM]
    assert indexed(store) == []


def test_an_edit_in_place_shows_at_once(store, library, tmp_path):
    store.committer.commit(plan())
    library.ids()
    path = tmp_path / f"data/inbox/ops/{STEM}.md"
    path.write_bytes(path.read_bytes().replace(b'"Hello"', b'"Changed"').replace(b"Hi.", b"Novel words."))
    (row,) = library.find().rows
    assert row.subject == "Changed"
    assert library.ids("novel") == [STEM]
    assert library.ids("hi") == []


def test_foreign_files_are_noticed_at_most_once_a_second(store, library, tmp_path):
    library.ids()
    drop(tmp_path, "from-elsewhere")
    assert library.ids() == []  # compared a moment ago
    library.now += 1
    assert library.ids() == ["from-elsewhere"]
    drop(tmp_path, "2020-01-01-000000-old", subject="Archived")
    library.now += 1
    assert library.ids("archived") == ["2020-01-01-000000-old"]
    assert library.counts().inbox == 2


def test_our_own_mail_never_makes_us_compare_a_directory(store, library, monkeypatch):
    library.ids()
    library.now += 100
    library.ids()
    monkeypatch.setattr(library.reconciler, "_compare", lambda *_: pytest.fail("compared"))
    for number in range(5):
        store.committer.commit(plan())
        assert len(library.ids()) == number + 1


def test_a_broken_document_is_listed_with_what_is_known(store, library, tmp_path):
    drop(tmp_path, STEM, b"+++\nsubject = broken\n+++\n\nBody words.\n")
    library.later()
    (row,) = library.find().rows
    assert (row.id, row.subject, row.readable, row.received_at, row.read) == (STEM, "", False, AT, True)
    assert library.ids("body") == [STEM]


@pytest.mark.parametrize("at_s", [2**40, -(2**40)], ids=["far-off", "long-ago"])
def test_times_that_an_owner_sets_keep_nothing_else(store, library, tmp_path, at_s):
    box = tmp_path / "data/inbox/ops"
    drop(tmp_path, STEM, subject="Dated")
    drop(tmp_path, "a-name-without-a-date", b"no frontmatter\n")
    for path in (box / f"{STEM}.md", box / "a-name-without-a-date.md", box):
        os.utime(path, (at_s, at_s))  # the file system takes what is next to it
    assert sorted(library.ids()) == [STEM, "a-name-without-a-date"]
    (box / f"{STEM}.md").unlink()
    library.later()
    assert library.ids("frontmatter") == ["a-name-without-a-date"]
    assert library.counts().inbox == 1


def test_a_number_without_end_is_no_frontmatter(store, library, tmp_path):
    drop(tmp_path, STEM, b"+++\nsubject = 0x" + b"F" * 6000 + b"\n+++\n\nBody words.\n")
    (row,) = library.find().rows
    assert (row.id, row.readable) == (STEM, False)
    assert library.ids("body") == [STEM]


def test_a_search_that_takes_for_ever_is_given_up(store, library, tmp_path, monkeypatch):
    """A long phrase is compared at every place of a text that repeats itself; an owner can write a lot of that."""
    for number in range(20):
        drop(tmp_path, f"2025-01-01-0000{number:02}-x", b"+++\n+++\n\n" + b"a b " * 20_000)
    assert library.counts().inbox == 20
    monkeypatch.setattr(limits, "SEARCH_MOST_S", 0.0)
    with pytest.raises(ResourcesExhausted, match="fewer or rarer words"):
        library.find("a b " * 20 + "a a")
    monkeypatch.undo()
    assert library.ids("a", limit=1) == ["2025-01-01-000019-x"]


def test_the_time_of_a_search_begins_when_its_boxes_are_up_to_date(store, library, tmp_path, monkeypatch):
    for number in range(50):
        drop(tmp_path, f"mail-{number:02d}")
    library.ids()
    now, ahead, care = time.monotonic, [0.0], library.reconciler.care

    def slow(*asked):
        care(*asked)
        ahead[0] += 100  # somebody else's work, or a slow disk

    monkeypatch.setattr(time, "monotonic", lambda: now() + ahead[0])
    monkeypatch.setattr(library.reconciler, "care", slow)
    found = library.find("hello", limit=40)
    assert (len(found.rows), found.cut) == (40, False)


def test_a_page_ends_when_reading_what_changed_takes_long(store, library, tmp_path, monkeypatch):
    for number in range(5):
        drop(tmp_path, f"2025-01-01-00000{number}-x", subject="Before")
    assert len(library.ids("before")) == 5
    for number in range(5):
        (tmp_path / f"data/inbox/ops/2025-01-01-00000{number}-x.md").write_bytes(b"+++\n+++\n\nAfter.\n")
    monkeypatch.setattr(limits, "SEARCH_S", 0.0)
    found = library.find("before")
    assert (found.rows, found.cut) == ((), True)
    assert found.next
    monkeypatch.undo()
    assert library.find("before", cursor=found.next).rows == ()
    library.index.flush()
    assert len(library.ids("after")) == 5


def test_the_thread_that_writes_reads_nothing_that_takes_long(store, library, tmp_path, monkeypatch):
    """It is one for everybody; the owner has put something else in the place of the mail that has just come."""
    assert library.ids() == []
    slow = b'+++\nsubject = "Slow"\nx = [' + b"1," * 20_000 + b"]\n+++\n\nBody words.\n"
    readers = []
    real = indexrow.entry
    monkeypatch.setattr(indexrow, "entry", lambda *told: readers.append(threading.current_thread().name) or real(*told))
    with store.committer.index._changed:  # it waits until the owner is done
        store.committer.commit(plan())
        drop(tmp_path, STEM, slow)
    library.index.flush()
    assert readers == []
    (row,) = library.find().rows
    assert (row.subject, row.readable) == ("Slow", True)
    assert "index" not in readers
    assert library.ids("words") == [STEM]


# One message, one conversation


def test_one_message_by_its_id(store, library, tmp_path):
    store.committer.commit(plan())
    assert library.lookup.row(OPS[0], "inbox", STEM).subject == "Hello"
    drop(tmp_path, "just-now")
    assert library.lookup.row(OPS[0], "inbox", "just-now").id == "just-now"
    (tmp_path / f"data/inbox/ops/{STEM}.md").unlink()
    for name in (STEM, "no-such", "../dev/x", "", ".", "a\nb", "x" * 300, "\ud800"):
        with pytest.raises(EmailNotFound):
            library.lookup.row(OPS[0], "inbox", name)


def test_a_conversation_goes_through_everything_that_names_a_message(store, library, tmp_path):
    drop(tmp_path, "2025-01-01-000001-a", message_id="a@x")
    drop(tmp_path, "2025-01-01-000002-b", message_id="b@x", in_reply_to="a@x", folder="sent")
    drop(tmp_path, "2025-01-01-000003-c", message_id="<c@x>", references="<z@x> <b@x>", mailbox="dev")
    drop(tmp_path, "2025-01-01-000004-d", message_id="d@x", references="z@x")
    drop(tmp_path, "2025-01-01-000005-e", message_id="e@x")
    start = library.lookup.row(OPS[0], "inbox", "2025-01-01-000001-a")
    assert [row.id[-1] for row in library.lookup.conversation(ALL, start)] == ["a", "b", "c", "d"]
    assert [row.id[-1] for row in library.lookup.conversation(OPS, start)] == ["a", "b"]  # what joins it is dev's


# Filters


def _short(library, *terms, **query):
    return [email.rpartition("-")[2] for email in library.ids(*terms, **query)]


def test_filters_narrow_a_list_and_a_search_alike(store, library, tmp_path):
    drop(tmp_path, "2025-01-01-000000-one", thread_id="t1")
    drop(tmp_path, "2025-01-02-000000-two", message("2025-01-02-000000-two", thread_id="t2").replace(b"false", b"true"))
    attached = message("2025-01-03-000000-three").replace(b"read = false", b"read = false\n\n[[attachments]]\nsize = 1")
    drop(tmp_path, "2025-01-03-000000-three", attached)
    drop(tmp_path, "strange", received_at="2025-01-02T12:00:00Z")
    library.later()
    for terms in ((), ("hi",), (Term("nowhere", negated=True),), (Term("hi"), Term("nowhere", negated=True))):
        short = partial(_short, library, *terms)
        assert short() == ["strange", "three", "two", "one"]
        assert short(unread=True) == ["strange", "three", "one"]
        assert short(unread=False) == ["two"]
        assert short(has_attachment=True) == ["three"]
        assert short(has_attachment=False) == ["strange", "two", "one"]
        assert short(thread="t2") == ["two"]
        assert short(since=1735776000, before=1735862400) == ["strange", "two"]  # 2 January
        assert short(before=1735776000) == ["one"]
        assert short(since=1735862400.5) == []
        assert short(folder="sent") == []
        assert short(folder=None, boxes=DEV) == []


@pytest.mark.parametrize("query", [{"has_attachment": True}, {"unread": True}], ids=["attachments", "unread"])
def test_few_messages_that_fit_are_found_at_once_among_many_that_hold_the_word(library, tmp_path, monkeypatch, query):
    read = message("read").replace(b"read = false", b"read = true")
    for number in range(30):
        drop(tmp_path, f"2025-01-02-0000{number:02}-hello", read)
    attached = message("one").replace(b"read = false", b"read = false\n\n[[attachments]]\nsize = 1")
    drop(tmp_path, "2025-01-01-000000-one", attached)
    library.counts()
    monkeypatch.setattr(limits, "SEARCH_S", -1.0)  # the time is over at the first look at the clock
    assert library.ids("hi", limit=1, **query) == ["2025-01-01-000000-one"]


@pytest.mark.parametrize(
    "terms",
    [["hi " * 101], ["hi " * 50, "hi " * 51], ["会" * 101], [Term("hi " * 101, negated=True)]],
    ids=["phrase", "phrases", "Han", "negated"],
)
def test_a_search_that_would_take_minutes_is_refused(store, library, terms):
    with pytest.raises(Refused, match="more than 100 words"):
        library.find(*terms)


def test_few_words_have_a_star(store, library):
    store.committer.commit(plan())
    assert library.ids("Hel*", "hell*") == [STEM]
    with pytest.raises(Refused, match="more than 2 words with a star"):
        library.find("Hel*", "hell*", Term("wor*", negated=True))


SEARCHES = [
    ("word", [Term("budget")], "a"),
    ("case", [Term("BUDGET")], "a"),
    ("accents", [Term("cafe")], "b"),
    ("all of them", [Term("budget"), Term("nowhere")], ""),
    ("phrase", [Term("quarterly budget")], "a"),
    ("no phrase", [Term("budget quarterly")], ""),
    ("from", [Term("carol@sender.test", "from")], "b"),
    ("from, part", [Term("sender", "from")], "ba"),
    ("to", [Term("ops", "to")], "a"),
    ("subject", [Term("numbers", "subject")], "a"),
    ("not in subject", [Term("budget", "subject")], ""),
    ("negated", [Term("budget", negated=True)], "dcb"),
    ("both", [Term("coffee"), Term("budget", negated=True)], "b"),
    ("prefix", [Term("budg*")], "a"),
    ("short prefix is a word", [Term("bu*")], ""),
    ("Han", [Term("会议")], "c"),
    ("Han, across", [Term("议室")], "c"),
    ("Han, apart", [Term("会室")], ""),
    ("kana", [Term("メール")], "c"),
    ("Hangul", [Term("회의")], "d"),
    ("Greek", [Term("ΚΑΛΗΜΈΡΑ")], "d"),
    ("no word at all", [Term("!!"), Term("budget")], "a"),
    ("operators are words", [Term("budget OR coffee")], ""),
    ("quotes", [Term('"budget" (')], "a"),
]


@pytest.mark.parametrize("full_text", [True, False], ids=["index", "files"])
@pytest.mark.parametrize(("terms", "found"), [row[1:] for row in SEARCHES], ids=[row[0] for row in SEARCHES])
def test_words_are_found(store, library, tmp_path, monkeypatch, terms, found, full_text):
    drop(tmp_path, "2025-01-01-000000-a", subject="Numbers", to="ops@x.test", body="The quarterly budget, please.\n")
    drop(tmp_path, "2025-01-01-000000-b", from_="Carol <carol@sender.test>", body="Café? Coffee!\n")
    drop(tmp_path, "2025-01-01-000000-c", from_="c@x.test", subject="明日の会议室", body="メールです\n")
    drop(tmp_path, "2025-01-01-000000-d", from_="d@x.test", body="회의실에서, καλημέρα\n")
    library.later()
    if not full_text:
        monkeypatch.setattr(type(library.index), "full_text", False)
    assert "".join(email[-1] for email in library.ids(*terms)) == found


def test_rows_wait_for_no_batch(store, library):
    library.ids()
    for number in range(3):
        store.committer.commit(plan())
        library.index.flush([INBOX])
        assert len(library.ids()) == number + 1
