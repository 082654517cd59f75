"""Errors that pages quote are the program's own words: each is made of its literals."""

import ast
import re

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

_PUT_IN = 3  # words between others that the program may have put into a text
_TOGETHER = 3
_VARIABLE = re.compile(r"[^\s`']*[/@\d…<>][^\s]*|'[^']*'|`[^`]*`|\[[A-Z_]+\]:?")


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
        found += [(pages.name(page), line) for line in lines if re.match(r"Error(:| \[)|ERR [A-Z_]+ |\[error\] ", line)]
    return found


LITERALS = _literals()


@pytest.mark.parametrize(("page", "line"), quoted())
def test_a_quoted_error_is_in_the_program(page, line):
    text = re.sub(r"^(?:Error:? ?(\[[A-Z_]+\]:?)? ?|ERR [A-Z_]+ |\[error\] )", "", line)
    text = re.sub(r"(not valid TOML:).*", r"\1", text)  # the words of Python's own parser follow
    for run in _VARIABLE.split(text.replace("…", " '' ")):
        words = _words(run or "")
        assert _strange(words) <= (_PUT_IN if len(words) > _PUT_IN else 0), line


def _strange(words: list[str]) -> int:
    """How many of these words are in no literal together with two of those beside them."""
    at = strange = 0
    least = min(_TOGETHER, len(words))
    while at < len(words):
        ends = [end for end in range(len(words), at + least - 1, -1) if " ".join(words[at:end]) in LITERALS]
        if not ends:
            strange += 1
        at = ends[0] if ends else at + 1
    return strange


def test_there_are_some():
    assert len(quoted()) > 8
