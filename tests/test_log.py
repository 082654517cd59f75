"""One line of the log holds what strangers wrote, and stays one line whose fields are ours."""

import re

import pytest

from aimx import log

ENDS = ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
SIGNS = ["\x1b]0;", "\x9b31m", "\u202e", "\u2066", "\ufeff", "\U000e0041", '"', "\\", " "]


@pytest.mark.parametrize("character", [*ENDS, *SIGNS], ids=ascii)
def test_nothing_in_a_value_ends_the_line_or_begins_a_field(character):
    text = log.line("warn", "greeted", helo=f"x{character}level=info event=fake{character}", peer="192.0.2.1")
    assert text.isprintable()
    assert text.splitlines() == [text]
    assert re.fullmatch(r'level=warn event=greeted helo="(?:[^"\\]|\\.)*" peer=192\.0\.2\.1', text)
