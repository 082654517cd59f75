"""The fast reader reads what we write as tomllib does, and leaves the rest to it."""

import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.mime import frontmatter, plainfields

_VALUES = st.one_of(
    st.text(),
    st.booleans(),
    st.integers(0, 10**15),
    st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
)
_FIELDS = st.dictionaries(st.sampled_from(["id", "read", "read_at", "size_bytes", "x-y"]), _VALUES)


@given(_FIELDS, st.lists(_FIELDS, max_size=2))
def test_what_we_write_is_read(fields, tables):
    text = frontmatter.write(list(fields.items()), [list(table.items()) for table in tables], "").decode()
    block = text.removeprefix("+++\n").removesuffix("+++\n\n")
    assert plainfields.read(block) == tomllib.loads(block)


@given(st.text(st.sampled_from("ab=\"'\\u004T:Z-\n #.[]{}1"), max_size=30))
def test_what_it_reads_it_reads_as_tomllib_does(text):
    for block in (text, f"a = {text}\n", f'a = "{text}"\n'):
        try:
            read = plainfields.read(block)
        except ValueError:
            read = None
        if read is not None:
            assert read == tomllib.loads(block)


MOMENTS = {
    "plain": ("2026-11-21T08:00:00Z", datetime(2026, 11, 21, 8, tzinfo=UTC)),
    "fraction": ("2026-11-21T08:00:00.5Z", None),
    "offset": ("2026-11-21T08:00:00+01:00", None),
    "other-digits": ("２０２６-11-21T08:00:00Z", None),
}


@pytest.mark.parametrize(("text", "value"), MOMENTS.values(), ids=MOMENTS)
def test_moments(text, value):
    fields = plainfields.read(f"read_at = {text}\n")
    assert fields == (None if value is None else {"read_at": value})


@pytest.mark.parametrize("text", ["2026-02-30T08:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z"])
def test_a_moment_that_is_none_is_no_toml(text):
    with pytest.raises(ValueError):
        plainfields.read(f"read_at = {text}\n")
    with pytest.raises(ValueError):
        tomllib.loads(f"read_at = {text}\n")
