"""A place in the event log is written and read the same; nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.model import cursor
from aimx.model.cursor import Cursor

EPOCH = "0123456789abcdef"
cursors = st.builds(
    Cursor, st.text("0123456789abcdef", min_size=16, max_size=16), st.integers(min_value=0, max_value=10**18 - 1)
)


@given(cursors)
def test_a_cursor_is_read_as_it_was_written(place):
    assert cursor.parse(str(place)) == place


@given(st.text())
def test_any_text_is_one_cursor_or_none(text):
    found = cursor.parse(text)
    assert found is None or str(found) == text


NONE = {
    "empty": "",
    "no-number": EPOCH,
    "empty-number": f"{EPOCH}-",
    "sign": f"{EPOCH}-+1",
    "negative": f"{EPOCH}--1",
    "leading-zero": f"{EPOCH}-01",
    "blank": f"{EPOCH}- 1",
    "line-end": f"{EPOCH}-1\n",
    "other-digits": f"{EPOCH}-\u0661",
    "short-epoch": f"{EPOCH[1:]}-1",
    "long-epoch": f"0{EPOCH}-1",
    "capitals": f"{EPOCH.upper()}-1",
    "huge": f"{EPOCH}-{10**18}",
    "number-only": "17",
}


@pytest.mark.parametrize("text", NONE.values(), ids=NONE)
def test_what_is_no_cursor(text):
    assert cursor.parse(text) is None
