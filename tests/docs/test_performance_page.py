"""What performance.md says of its figures is what its own table says."""

import re

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "performance.md"
TEXT = " ".join(PAGE.read_text().split())
_ROWS = pages.rows(PAGE, "## The table")
_COLUMNS = ("/s", "CPU", "p50", "p99", "MB", "note")
SIZES = ("1 KB", "10 KB", "100 KB")


def figure(what: str, column: str = "CPU", area: str = "") -> str:
    """As the table has it."""
    (row,) = [row for row in _ROWS if row[1] == what and row[0].startswith(area)]
    return row[2 + _COLUMNS.index(column)]


def value(what: str, column: str = "CPU", area: str = "") -> float:
    """The same as a number."""
    return float(figure(what, column, area).replace(",", ""))


def _beside() -> str:
    pairs = [(figure(f"aimx, {size}"), figure(f"aiosmtpd + dkimpy + pyspf, {size}")) for size in SIZES]
    (a, b), (c, d), (e, f) = pairs
    return f"{a} ms against {b} for 1 KB, {c} against {d} for 10 KB, {e} against {f} for 100 KB"


_NEW, _TLS = "10 KB, 10 senders, new connection per mail", "10 KB, 10 senders, STARTTLS per mail"
_KEPT, _CLEAR = "10 KB, 10 senders, kept TLS connections", "10 KB, 10 senders, kept connections"
_PLAIN = "aiosmtpd + dkimpy + pyspf"
_WATCHED = value("100 watch, one more is stalled") - value("nobody watches")
_IDLE = "1,000 idle TLS, mail meanwhile"
SAID = {
    "processor beside others": _beside(),
    "memory beside others": f"{figure('aimx, 1 KB', 'MB')} MB against {figure(f'{_PLAIN}, 1 KB', 'MB')}.",
    "a handshake": f"takes {value(_TLS) - value(_NEW):.1f} ms of CPU more than a connection for each",
    "kept TLS": f"a mail takes {value(_KEPT) / value(_CLEAR) - 1:.0%} more".replace("%", " %"),
    "watchers": f"{_WATCHED:.2f} ms of CPU a mail for a hundred",
    "the front": f"here {value(_IDLE, 'MB'):.0f} MB of a thousand TLS connections",
    "a received mail": f"of {value(_CLEAR):.1f} ms a third is the worker's",
    "a sent mail": f"of {value('1 KB of Markdown, 10 clients'):.0f} ms for 1 KB the front",
    "the index of a million": "twice that for a million",
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_figure_in_a_sentence_is_the_tables(said):
    assert said in TEXT


def test_less_than_the_plain_handler():
    for size in SIZES:
        assert value(f"aimx, {size}") < value(f"aiosmtpd + dkimpy + pyspf, {size}")


def test_the_index_of_a_million_costs_twice_as_much_a_file():
    one, hundred = (
        value("index built from the files", area=f"Stored mail, {size} ") for size in ("1,000,000", "100,000")
    )
    assert 1.7 < one / hundred < 2.3


# What a row of the second table says of a bound: rows of the first, the column, and how much is allowed.
_MCP = "aimx mcp to first reply, {}"
BOUNDS = {
    "60 MB in the front": [
        ("the front idle, after start", "MB", 60.0, True),
        ("the front after a burst of mail", "MB", 60.0, False),
    ],
    "1,000 mails/s": [(_CLEAR, "CPU", 1.8, False)],
    "400 ms to the dashboard": [
        ("start to first picture", "p50", 400.0, True),
        ("start to first picture", "p99", 400.0, False),
        ("key to repaint", "p99", 50.0, True),
        ("memory after keys", "MB", 90.0, True),
    ],
    "600 ms to the first reply": [(_MCP.format(one), "CPU", 600.0, True) for one in ("2025-11-25", "2026-07-28")],
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_is_met_where_it_says_so(bound):
    (row,) = [row for row in pages.rows(PAGE, "## Bounds and targets") if row[0].startswith(bound)]
    for what, column, most, met in BOUNDS[bound]:
        assert (value(what, column) <= most) == met, what
    assert re.match(r"no\b" if not any(met for *_, met in BOUNDS[bound]) else r"yes|at rest", row[1])
