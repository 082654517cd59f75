"""Tables fit the terminal, wide characters count twice, and nothing in them is a command."""

import pytest

from aimx.cli import table
from aimx.cli.table import Column

COLUMNS = (Column("ID"), Column("DATE", wide=True), Column("FROM", least=6), Column("SUBJECT", least=6))
ROWS = (
    ("2026-11-21-hello", "2026-11-21 08:00", "Bob B <bob@sender.test>", "Hello, this is a long subject"),
    ("x", "2026-11-20 08:00", "a@b.test", "日本語の件名です、長い"),
)


def test_into_a_pipe_it_goes_whole():
    lines = table.lines(COLUMNS, ROWS, None)
    assert lines[0].split() == ["ID", "DATE", "FROM", "SUBJECT"]
    assert lines[1].endswith("Bob B <bob@sender.test>  Hello, this is a long subject")
    assert lines[2] == f"{'x':16}  2026-11-20 08:00  {'a@b.test':23}  日本語の件名です、長い"


@pytest.mark.parametrize("width", [30, 36, 40, 50, 60, 80, 100, 200])
def test_on_a_terminal_it_fits(width):
    lines = table.lines(COLUMNS, ROWS, width)
    assert all(table.cells(line) <= max(width, 16 + 2 + 6 + 2 + 6) for line in lines)
    assert all(line.startswith(row[0]) for line, row in zip(lines[1:], ROWS, strict=True))
    assert ("DATE" in lines[0]) == (width > 90)


def test_what_is_cut_says_so():
    lines = table.lines(COLUMNS, ROWS, 50)
    assert lines[1] == "2026-11-21-hello  Bob B <bob@sen…  Hello, this is…"
    assert lines[2] == "x                 a@b.test         日本語の件名で…"


HOSTILE = {
    "escape": ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
    "c1": ("\x9b31m", r"\x9b31m"),
    "bidi": ("a\u202eb", r"a\x202eb"),
    "line": ("a\nb\tc\rd", r"a\x0ab\x09c\x0dd"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_text_of_strangers_is_inert(text, shown):
    assert table.inert(text) == shown
    assert table.lines((Column("X"),), ((text,),), None)[1] == shown


def test_combining_characters_take_no_cell():
    assert table.cells("e\u0301") == 1
    assert table.cut("e\u0301e\u0301e\u0301", 2) == "e\u0301…"
