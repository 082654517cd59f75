"""The search language: every word, its opposite, and what is told about one that does not fit."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import Refused
from aimx.model.query import Query, Term
from aimx.policy import search
from aimx.policy.search import Filter

NOW = datetime(2026, 11, 21, 8, 30, 0, tzinfo=UTC).timestamp()
DAY = 86_400.0
NONE = Filter()


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


QUERIES = {
    "nothing": ("", Query()),
    "blanks": ("  \t ", Query()),
    "word": ("invoice", Query(terms=(Term("invoice"),))),
    "words": (" one  two ", Query(terms=(Term("one"), Term("two")))),
    "phrase": ('"two words" x', Query(terms=(Term("two words"), Term("x")))),
    "phrase-with-quotes": (r'"say \"hi\" \\ x"', Query(terms=(Term('say "hi" \\ x'),))),
    "phrase-with-a-field-in-it": ('"from:bob"', Query(terms=(Term("from:bob"),))),
    "quote-inside-a-word": ('5"x', Query(terms=(Term('5"x'),))),
    "beginning-of-a-word": ("invoi*", Query(terms=(Term("invoi*"),))),
    "not": ("-spam", Query(terms=(Term("spam", negated=True),))),
    "not-phrase": ('-"two words"', Query(terms=(Term("two words", negated=True),))),
    "hyphen-inside": ("e-mail", Query(terms=(Term("e-mail"),))),
    "from": ("from:bob@x.test", Query(terms=(Term("bob@x.test", "from"),))),
    "from-phrase": ('from:"Bob B"', Query(terms=(Term("Bob B", "from"),))),
    "not-from": ("-from:bob", Query(terms=(Term("bob", "from", negated=True),))),
    "field-in-capitals": ("FROM:bob TO:c", Query(terms=(Term("bob", "from"), Term("c", "to")))),
    "subject": ('subject:"a b"', Query(terms=(Term("a b", "subject"),))),
    "to": ("to:c", Query(terms=(Term("c", "to"),))),
    "attachment": ("has:attachment", Query(has_attachment=True)),
    "attachments": ("has:attachments", Query(has_attachment=True)),
    "no-attachment": ("-has:attachment", Query(has_attachment=False)),
    "unread": ("is:unread", Query(unread=True)),
    "read": ("is:read", Query(unread=False)),
    "not-unread": ("-is:unread", Query(unread=False)),
    "unread-twice": ("is:unread -is:read", Query(unread=True)),
    "sent": ("in:sent", Query(folder="sent")),
    "all": ("in:ALL", Query(folder=None)),
    "inbox": ("in:inbox", Query()),
    "after-a-day": ("after:2026-11-01", Query(since=at(2026, 11, 1))),
    "since": ("since:2026-11-01", Query(since=at(2026, 11, 1))),
    "before-a-day": ("before:2026-11-01", Query(before=at(2026, 11, 1))),
    "not-after": ("-after:2026-11-01", Query(before=at(2026, 11, 1))),
    "between": ("after:2026-11-01 before:2026-11-02", Query(since=at(2026, 11, 1), before=at(2026, 11, 2))),
    "the-narrowest": ("after:2026-11-01 after:2026-11-03 after:2026-11-02", Query(since=at(2026, 11, 3))),
    "moment": ("after:2026-11-01T09:30:00Z", Query(since=at(2026, 11, 1, 9, 30))),
    "moment-with-offset": ("after:2026-11-01T09:30:00+02:00", Query(since=at(2026, 11, 1, 7, 30))),
    "moment-without-offset": ("after:2026-11-01T09:30", Query(since=at(2026, 11, 1, 9, 30))),
    "days-ago": ("after:7d", Query(since=NOW - 7 * DAY)),
    "hours-ago": ("after:12h", Query(since=NOW - DAY / 2)),
    "weeks-ago": ("before:2W", Query(before=NOW - 14 * DAY)),
    "years-ago": ("before:1y", Query(before=NOW - 365 * DAY)),
    "today": ("after:today", Query(since=at(2026, 11, 21))),
    "yesterday": ("after:yesterday", Query(since=at(2026, 11, 20))),
    "thread": ("thread:A1b2c3d4e5f6a7b8", Query(thread="a1b2c3d4e5f6a7b8")),
    "address-of-the-web": ("http://x.test/y", Query(terms=(Term("http://x.test/y"),))),
    "time-of-day": ("12:30", Query(terms=(Term("12:30"),))),
    "all-of-it": (
        'from:bob subject:"q 3" has:attachment is:unread after:7d -draft in:all',
        Query(None, True, True, NOW - 7 * DAY, None, "",
              (Term("bob", "from"), Term("q 3", "subject"), Term("draft", negated=True))),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "query"), QUERIES.values(), ids=QUERIES)
def test_what_is_asked(text, query):
    assert search.query(NONE, text, NOW) == query


REFUSED = {
    "open-quote": ('a "b c', r'the quote at character 3 of the search has no end; write \" for a quote in a quote'),
    "open-quote-of-a-field": ('from:"b', "the quote at character 6 of the search has no end"),
    "unknown-field": ("x frm:bob", "'frm:bob' at character 3 of the search has no field of ours; there are from:,"),
    "no-value": ("from: bob", "'from:' at character 1 of the search needs a value"),
    "empty-phrase": ('""', "'\"\"' at character 1 of the search needs a value"),
    "lone-hyphen": ("a - b", "'-' at character 3 of the search needs a value"),
    "no-letter": ("a ***", "'***' at character 3 of the search holds no letter or digit"),
    "bad-date": ("after:soon", "'after:soon' at character 1 of the search names no date; write 2026-11-01, "),
    "no-such-day": ("after:2026-02-30", "names no date"),
    "month-is-ambiguous": ("after:3m", "names no date"),
    "far-future": ("after:2026-11-01T25:00", "names no date"),
    "bad-is": ("is:starred", "'is:starred' at character 1 of the search is unknown; there is unread or read"),
    "bad-has": ("has:link", "is unknown; there is attachment"),
    "bad-in": ("in:trash", "'in:trash' at character 1 of the search is no folder; there is inbox or sent or all"),
    "not-in": ("-in:sent", "'-in:sent' at character 1 of the search cannot be negated"),
    "not-thread": ("-thread:a1b2c3d4e5f6a7b8", "cannot be negated"),
    "two-folders": ("in:sent in:inbox", "'in:inbox' at character 9 of the search contradicts what stands before it"),
    "read-and-unread": ("is:read is:unread", "'is:unread' at character 9 of the search contradicts"),
    "two-threads": ("thread:a1b2c3d4e5f6a7b8 thread:b1b2c3d4e5f6a7b8", "contradicts"),
    "no-thread": ("thread:x", "'thread:x' at character 1 of the search is no thread_id; it has 16 hexadecimal digits"),
    "too-many": ("x " * (limits.SEARCH_TERMS + 1), f"more than {limits.SEARCH_TERMS} words to look for"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_told_about_a_word_that_does_not_fit(text, why):
    with pytest.raises(Refused) as caught:
        search.query(NONE, text, NOW)
    assert why in caught.value.reason


FILTERS = {
    "nothing": (NONE, Query()),
    "all-of-them": (
        Filter("all", True, False, "bob b", "c", "s t", "7d", "2026-11-21", "a1b2c3d4e5f6a7b8", "x y"),
        Query(None, True, False, NOW - 7 * DAY, at(2026, 11, 21), "a1b2c3d4e5f6a7b8",
              (Term("bob b", "from"), Term("c", "to"), Term("s t", "subject"), Term("x y"))),
    ),
    "text-is-no-search": (Filter(text='from:bob "x'), Query(terms=(Term('from:bob "x'),))),
}  # fmt: skip


@pytest.mark.parametrize(("narrowing", "query"), FILTERS.values(), ids=FILTERS)
def test_headers_ask_the_same(narrowing, query):
    assert search.query(narrowing, "", NOW) == query


BAD_FILTERS = {
    "folder": (Filter(folder="trash"), "Folder 'trash' is no folder; there is inbox or sent or all"),
    "since": (Filter(since="x"), "Since 'x' names no date; write"),
    "thread": (Filter(thread="x"), "Thread 'x' is no thread_id"),
    "text": (Filter(text="?"), "Text '?' holds no letter or digit"),
}


@pytest.mark.parametrize(("narrowing", "why"), BAD_FILTERS.values(), ids=BAD_FILTERS)
def test_what_is_told_about_a_header_that_does_not_fit(narrowing, why):
    with pytest.raises(Refused) as caught:
        search.query(narrowing, "", NOW)
    assert caught.value.reason.startswith(why)


def test_headers_and_words_narrow_together():
    assert search.query(Filter(unread=True, since="1d"), "bob after:2d", NOW) == Query(
        unread=True, since=NOW - DAY, terms=(Term("bob"),)
    )
    with pytest.raises(Refused, match="'is:read' at character 1 of the search contradicts"):
        search.query(Filter(unread=True), "is:read", NOW)


@given(st.text(st.sampled_from('ab1 "\\-:*fromishasbefore2026-11-01d\n')))
def test_any_text_is_a_query_or_refused_by_its_place(text):
    try:
        search.query(NONE, text, NOW)
    except Refused as refused:
        assert "of the search" in refused.reason or "words to look for" in refused.reason


@given(st.lists(st.text(st.sampled_from('ab1 "\\-:*é'), min_size=1).filter(lambda text: any(map(str.isalnum, text)))))
def test_what_is_quoted_is_looked_for_as_it_is(texts):
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts[: limits.SEARCH_TERMS]]
    assert search.query(NONE, " ".join(quoted), NOW).terms == tuple(map(Term, texts[: limits.SEARCH_TERMS]))
