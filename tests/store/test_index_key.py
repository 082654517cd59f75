"""Numbers and fields of the index, for every name and every document."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.mime import frontmatter, plainfields
from aimx.store import indexkey, layout
from aimx.store.indexkey import Key

NAMES = st.one_of(
    st.text(max_size=25),
    st.integers(-(10**9), 2**33).map(lambda at: layout.stem(at, "x")),
    st.from_regex(r"\A[0-2][0-9]{3}-[0-9]{2}-[0-9]{2}-[0-9]{6}[-a]?\Z"),
)


@given(NAMES, NAMES)
def test_a_name_that_sorts_lower_is_never_numbered_later(one, other):
    low, high = sorted((one, other))
    assert 0 <= indexkey.place(low) <= indexkey.place(high) < indexkey.SECONDS


@given(st.integers(0, 4_000_000_000))
def test_an_id_of_ours_is_numbered_by_its_time(at):
    stem = layout.stem(at, "Hello")
    assert indexkey.told(stem) == indexkey.place(stem) == at
    number = indexkey.first(7, at)
    assert indexkey.second_of(number) == indexkey.second_of(indexkey.last(7, at)) == at
    assert indexkey.last(7, at) < indexkey.first(7, at + 1) < indexkey.first(8)


@pytest.mark.parametrize("box", [0, 1, indexkey.BOXES - 1])
def test_numbers_are_what_sqlite_can_hold(box):
    assert -(2**63) <= indexkey.first(box) < indexkey.last(box) < 2**63


@given(st.text(), st.text(), st.sampled_from(["inbox", "sent"]))
def test_a_cursor_says_where_it_came_from(stem, mailbox, folder):
    key = Key(*(text.encode("utf-8", "replace").decode() for text in (stem, mailbox, folder)))
    assert indexkey.read_cursor(indexkey.cursor(key)) == key


VALUES = st.one_of(st.text(max_size=20), st.booleans(), st.integers(-(10**12), 10**12))
KEYS = st.from_regex(r"\A[a-z_-]{1,6}\Z")
TABLE = st.lists(st.tuples(KEYS, VALUES), max_size=5)


@given(TABLE, st.lists(TABLE, max_size=3))
def test_our_own_documents_are_read_as_tomllib_reads_them(fields, tables):
    text = frontmatter.head(fields, tables).decode().removeprefix("+++\n").removesuffix("+++\n\n")
    _same(text)


@given(
    st.lists(
        st.sampled_from(
            ['a = "x"\n', 'b = "\\u0041"\n', 'c = "\\ud800"\n', "d = true\n", "e = 007\n", "f = -0\n", "g = 1_0\n",
             "\n", "[[attachments]]\n", "[[attachments]]", '"q" = 1\n', "a.b = 1\n", 'h = """\n', '"""\n', "# no\n",
             "i = [1]\n", 'j = "\\/"\n', 'k = "tab\t"\n', 'l = "\x01"\n', "n = 'x'\n", "attachments = 1\n",
             'o = "\\U00000041"\n', "p = 9999999999999999999999\n", "r = true \n", 's = ""\r\n', "t = +1\n"]
        ),
        max_size=8,
    ).map("".join)
)  # fmt: skip
def test_whatever_is_not_plainly_ours_is_left_to_tomllib(text):
    _same(text)


def _same(text: str) -> None:
    quick = plainfields.read(text)
    if quick is None:
        return
    told = tomllib.loads(text)
    assert quick == told
    assert {key: type(value) for key, value in quick.items()} == {key: type(value) for key, value in told.items()}
