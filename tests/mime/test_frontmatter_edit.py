"""Two values of a frontmatter change and nothing else, however its owner wrote it."""

import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import Refused
from aimx.mime.frontmatter_edit import edited

AT = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)
READ = {"read": True, "read_at": AT}
UNREAD = {"read": False, "read_at": None}
STAMP = "2026-11-21T08:00:00Z"
MARKED = f"read = true\nread_at = {STAMP}\n"

CASES = {
    "as-we-write": (READ, 'a = "x"\nread = false\nb = 1\n', f'a = "x"\nread = true\nread_at = {STAMP}\nb = 1\n'),
    "again": (READ, "read = true\nread_at = 2020-01-01T00:00:00Z\n", MARKED),
    "back": (UNREAD, f"read = true\nread_at = {STAMP}\nb = 1\n", "read = false\nb = 1\n"),
    "already-unread": (UNREAD, "read = false\n", "read = false\n"),
    "string-of-the-original": (
        READ, 'read = false\nread_at = "2020-01-01T00:00:00.5Z"\n', MARKED,
    ),
    "no-read-before-a-table": (
        READ, 'a = 1\n\n[[attachments]]\nread = 3\n', f"a = 1\n{MARKED}\n[[attachments]]\nread = 3\n",
    ),
    "nothing-at-all": (READ, "", MARKED),
    "only-a-table": (READ, "[x]\nread = 1\n", f"read = true\nread_at = {STAMP}\n[x]\nread = 1\n"),
    "comments": (
        READ, "# read = 1\n  read  =  false  # not yet\n# end\n",
        f"# read = 1\n  read  =  true  # not yet\nread_at = {STAMP}\n# end\n",
    ),
    "comment-of-what-goes": (UNREAD, f"read = true\nread_at = {STAMP} # mine\n", "read = false\n# mine\n"),
    "crlf": (READ, "a = 1\r\nread = false\r\n", f"a = 1\r\nread = true\r\nread_at = {STAMP}\r\n"),
    "line-in-a-string": (
        READ, 'a = """\nread = false\nread_at = 1\n"""\nb = \'\'\'\nread = false\'\'\'\nread = false\n',
        'a = """\nread = false\nread_at = 1\n"""\nb = \'\'\'\nread = false\'\'\'\n' + MARKED,
    ),
    "quotes-in-strings": (
        READ, 'a = "\\"#\\\\"\nb = \'"#\'\nc = """x\\""""""\nd = \'\'\'\'\'y\'\'\'\'\'\ne = ""\nread = false\n',
        'a = "\\"#\\\\"\nb = \'"#\'\nc = """x\\""""""\nd = \'\'\'\'\'y\'\'\'\'\'\ne = ""\n' + MARKED,
    ),
    "arrays-over-lines": (
        READ, 'a = [ # read = 1 ]\n  "]",\n  {read = [1]},\n]\nread = false\n',
        'a = [ # read = 1 ]\n  "]",\n  {read = [1]},\n]\n' + MARKED,
    ),
    "quoted-key": (READ, '"read" = false\n', f'"read" = true\nread_at = {STAMP}\n'),
    "dotted-neighbour": (READ, "a.read = 1\nread = false\n", f"a.read = 1\nread = true\nread_at = {STAMP}\n"),
    "of-another-type": (READ, 'read = [\n "x", # y\n]\n', MARKED),
    "inline-table": (UNREAD, "read = {a = 1}\n", "read = false\n"),
    "nan": (READ, "a = nan\nread = false\n", f"a = nan\nread = true\nread_at = {STAMP}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "before", "after"), CASES.values(), ids=CASES)
def test_what_it_becomes(changes, before, after):
    assert edited(before, changes)[0] == after


REFUSED = {
    "no-toml": "read = false\nx\n",
    "twice": "read = false\nread = true\n",
    "table": "[read]\nx = 1\n",
    "dotted": "read.x = 1\n",
    "array-of-tables": "[[read_at]]\nx = 1\n",
    "lone-cr": "a = 1\rread = false\n",
    "long-key": f"{'a.' * 64}b = 1\nread = false\n",
    "long-key-in-quotes": '"a" . ' * 64 + "b = 1\nread = false\n",
    "long-key-in-a-table": f"read = false\n[[{'a.' * 64}b]]\n",
    "long-key-inside": f"x = [{{{'a.' * 64}b = 1}}]\nread = false\n",
    "too-long": f"# {'x' * limits.FRONTMATTER_FOREIGN_CHARACTERS}\nread = false\n",
    "too-deep": f"a = {'[' * 5000}{']' * 5000}\nread = false\n",
}


@pytest.mark.parametrize("before", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_changed_safely_is_left_alone(before):
    with pytest.raises(Refused, match="frontmatter"):
        edited(before, READ)


def test_what_we_write_ourselves_may_be_longer():
    block = f'a = "{"x" * limits.FRONTMATTER_FOREIGN_CHARACTERS}"\nread = false\n'
    text, _ = edited(block, READ)
    assert edited(text, UNREAD)[0] == block


_PIECES = ["a", '"', "'", "\\", "#", "[", "]", "{", "}", "=", "\n", "\nread = false\n", "é"]
_TEXT = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)


def _basic(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _lines(text):
    return '"""' + text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace('"', '\\"') + '"""'


def _literal(text):
    return "'" + text.replace("'", "").replace("\n", "") + "'"


def _literal_lines(text):
    return "'''" + text.replace("'", "") + "'''"


_SCALAR = st.one_of(
    st.builds(lambda write, text: write(text), st.sampled_from([_basic, _lines, _literal, _literal_lines]), _TEXT),
    st.sampled_from(["1", "-2.5e3", "true", "2026-11-21T08:00:00Z", "2026-11-21 08:00:00", "08:00:00", "inf"]),
)
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + "".join(f"\n {item}, # ]" for item in items) + "\n]"),
        st.lists(inner.filter(lambda item: "\n" not in item), max_size=2).map(
            lambda items: "{" + ", ".join(f"k{n} = {item}" for n, item in enumerate(items)) + "}"
        ),
    ),
    max_leaves=5,
)
_STATEMENT = st.tuples(
    st.sampled_from(["", "  ", "\t"]), _VALUE, st.sampled_from(["", " # read = 1", "\t#'\"", "\n\n# [x]"])
)


@given(
    st.lists(_STATEMENT, max_size=5),
    st.one_of(st.none(), _VALUE),
    st.one_of(st.none(), _VALUE),
    st.integers(0, 5),
    st.sampled_from(["", "[t]\nread = 1\n", "[[t]]\nread_at = 1\n[t.read]\n"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([READ, UNREAD]),
)
def test_any_frontmatter_is_equal_but_for_what_was_asked(statements, read, read_at, place, tables, eol, changes):
    others = [(f"{indent}key{number} = {value}", more) for number, (indent, value, more) in enumerate(statements)]
    lines = [f"{statement}{more}\n" for statement, more in others]
    for key, value in (("read", read), ("read_at", read_at)):
        if value is not None:
            lines.insert(place, f"{key} = {value}\n")
    block = ("".join(lines) + tables).replace("\n", eol)
    text, _ = edited(block, changes, eol)
    before, after = (tomllib.loads(octets, parse_float=str) for octets in (block, text))
    assert after["read"] is changes["read"]
    assert after.get("read_at") == changes["read_at"]
    for key in ("read", "read_at"):
        before.pop(key, None)
        after.pop(key, None)
    assert after == before
    at = 0
    for piece in [*(piece for other in others for piece in other), tables]:
        at = text.index(piece.strip("\n").replace("\n", eol), at)
    assert text.count("\r\n") == text.count("\n") or eol == "\n"
    assert edited(text, changes, eol)[0] == text
