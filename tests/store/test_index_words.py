"""The words of a search are compared alike by the index and without it."""

import itertools
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx.model.query import Term
from aimx.store import indexdb, indexwords

PIECES = (
    "a", "b", "A", "é", "e\u0301", "É", "ß", "ẞ", "İ", "ı", "Σ", "ς", "σ", "_", "-", "'", '"', "*", "\u200b", "\u202e",
    "\x00", "\x1b", "0", "٣", "²", "Ⅷ", "天", "気", "가", "\u1100\u1161", "ก", "ำ", "क", "ि", "ﬁ", "ｆ", "œ", "ø", "ł",
    "ự", "😀", "\u00ad", "ǅ", "ά", "Й", "ё", "ª", "ſ", "\u212a", " ", "\n", ".", "@", "か\u3099", "\u3099",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
NUMBERS = itertools.count(1)
WANTED = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@pytest.fixture(scope="module")
def db():
    """A table of words as the index has it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    assert indexdb.make_words(connection, 0)
    yield connection
    connection.close()


def _both(db, text: str, wanted: str) -> tuple[bool, bool]:
    """What the index and what the text itself says."""
    term = Term(wanted)
    columns = ("", "", "", text, "")
    number = next(NUMBERS)
    values = (number, *map(indexwords.spaced, columns))
    db.execute(f"INSERT INTO words0 (rowid, {', '.join(indexwords.COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)", values)
    found = "SELECT 1 FROM words0 WHERE words0 MATCH ? AND rowid = ?"
    indexed = db.execute(found, (indexwords.expression((term,)), number)).fetchone() is not None
    return indexed, indexwords.match((term,), columns)


@settings(max_examples=200, deadline=None)
@given(text=TEXT, wanted=WANTED)
def test_an_index_and_a_text_say_the_same(db, text, wanted):
    if indexwords.words(wanted):
        indexed, read = _both(db, text, wanted)
        assert indexed == read


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("ΟΔΟΣ", "οδος", id="final sigma"),
        pytest.param("οδος", "ΟΔΟΣ", id="capital sigma"),
        pytest.param("Cafe\u0301", "CAFÉ", id="composed or not"),
        pytest.param("今天天气很好", "天气", id="no blanks"),
    ],
)
def test_letters_of_one_kind_are_one(db, text, wanted):
    assert _both(db, text, wanted) == (True, True)
