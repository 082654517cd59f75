"""Errors and log lines that pages quote are the program's own words: each is made of its literals."""

import ast
import re

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

_VARIABLE = re.compile(r"[^\s`']*[/@\d…<>][^\s]*|'[^']*'|`[^`]*`|\[[A-Z_]+\]:?")
_ENOUGH = 4  # words in a row, or all that there are


def _literals() -> str:
    """Every string of the program, words separated by one blank; what is put in is a mark of its own."""
    found = []
    for path in [*(ROOT / "aimx").rglob("*.py"), *(ROOT / "aimx_tui").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else " \0 " for part in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return " \0 ".join(" ".join(_words(text)) for text in found)


def _words(text: str) -> list[str]:
    return re.sub(r"[`'\"]", "", text).split()


def quoted() -> list[tuple[str, str]]:
    """Lines of blocks that begin as an error does, and errors in inline code."""
    found = []
    for page in PAGES:
        lines = [
            line for block in pages.blocks(page) if block.language in ("", "text") for line in block.text.splitlines()
        ]
        lines += [span for span in pages.spans(page) if " " in span]
        found += [(pages.name(page), line) for line in lines if re.match(r"Error(:| \[)", line)]
    return found


LITERALS = _literals()


@pytest.mark.parametrize(("page", "line"), quoted())
def test_a_quoted_error_is_in_the_program(page, line):
    text = re.sub(r"^Error:? ?(\[[A-Z_]+\]:?)? ?", "", line)
    runs = [_words(run) for run in _VARIABLE.split(text.replace("…", " "))]
    longest = max(runs, key=len)
    if not longest:
        return  # a pattern of an error, none of its own
    sizes = range(len(longest) - min(_ENOUGH, len(longest)) + 1)
    pieces = [" ".join(longest[at : at + min(_ENOUGH, len(longest))]) for at in sizes]
    assert any(piece in LITERALS for piece in pieces), line


def test_there_are_some():
    assert len(quoted()) > 8
