"""Errors that pages quote are the program's own words, all of them; names of errors are those of its table."""

import ast
import functools
import re
from collections.abc import Iterator
from typing import get_args

import pytest

from aimx.errors import Exit, WireCode
from aimx.provision.checks import finding
from aimx.wire import frames
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

# What the program puts into a text shows itself: a path, an address, a number, or quotes around it.
_VALUE = re.compile(r"(?:\S*[/@\d<>=]\S*|[^\s:]+:[^\s:]+|'[^']*'|`[^`]*`|…|[,;:])(?:\s+|$)")
_QUOTES = ("'", "`", '"')
Literals = tuple[str, ...]  # of a text of the program, with a value between each two


def _literals(parts: list[str]) -> Literals:
    return tuple(re.sub(r"\s+", " ", one) for one in parts)


def _texts() -> Iterator[Literals]:
    """Every string of the program that has a word in it."""
    for path in [*(ROOT / "aimx").rglob("*.py"), *(ROOT / "aimx_tui").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                literals = [""]
                for part in node.values:
                    if isinstance(part, ast.Constant):
                        literals[-1] += str(part.value)
                    else:
                        literals.append("")
                yield _literals(literals)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield _literals(re.split(r"\{\w*\}", node.value))


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


TEXTS = [text for text in set(_texts()) if any(one.strip() for one in text)]


@functools.cache
def _said(text: str) -> bool:
    """Whether it is values of the program's, or a text of it around such; `…` at its end leaves the rest out."""
    text = text.strip()
    if re.fullmatch(f"(?:{_VALUE.pattern})*", text):
        return True
    if text.endswith("…"):
        return _begun(text.removesuffix("…").rstrip())
    return any(_fits(one, text) for one in TEXTS if all(literal in text for literal in one))


def _fits(literals: Literals, text: str) -> bool:
    """Whether these are its literals, and values are between them, or texts of their own."""
    found = re.fullmatch("(.*?)".join(map(re.escape, literals)), text)
    if found is None:
        return False
    between = zip(literals, found.groups(), literals[1:], strict=False)
    return all(_quoted(before, after) or _said(value) for before, value, after in between)


def _quoted(before: str, after: str) -> bool:
    return any(before.endswith(one) and after.startswith(one) for one in _QUOTES)


def _begun(text: str) -> bool:
    """Whether a text of the program begins so, to the end of a literal or to somewhere within one."""
    if not text:
        return True
    for literals in TEXTS:
        for count, last in enumerate(literals):
            ends = [last[:end] for end in range(len(last), 0, -1) if text.endswith(last[:end].rstrip())]
            if ends and ends[0].strip() and _fits((*literals[:count], ends[0].rstrip()), text):
                return True
            if last not in text:
                break
    return False


@pytest.mark.parametrize(("page", "line"), quoted())
def test_a_quoted_error_is_in_the_program(page, line):
    text = re.sub(r"^(?:Error:? ?(\[[A-Z_]+\]:?)? ?|ERR [A-Z_]+ |\[error\] )", "", line)
    text = re.sub(r"^/\S+: ", "", text)  # the file, and what is wrong in it
    text = re.sub(r"(not valid TOML:).*", r"\1 …", text)  # the words of Python's own parser follow
    assert _said(text), line


def test_there_are_some():
    assert len(quoted()) > 8


_VERBS = {shape.verb for shape in frames.SHAPES}
_CHECKS = "".join(path.read_text() for path in (ROOT / "aimx" / "provision" / "checks").glob("*.py"))
_IDS = {"DNS-A", "DNS-MX", "DNS-SPF", "DNS-DKIM", "DNS-PTR", *re.findall(r'"([A-Z0-9]+(?:-[A-Z0-9]+)+)"', _CHECKS)}
_SEVERITIES = {one.upper() for one in get_args(finding.Severity)}
NAMES = {*WireCode, *(code.name for code in Exit), *_VERBS, *_IDS, *_SEVERITIES}
# Of systems and protocols: signals, variables, capabilities, SMTP; columns that a listing has.
OTHERS = {
    "SIGHUP", "SIGINT", "SIGTERM", "SIGSTOP", "TERM", "EPIPE", "SO_PEERCRED", "SYS_ADMIN", "NO_COLOR",
    "HOME", "LOGNAME", "PATH", "SHELL", "USER", "AAAA", "RCPT", "DATA", "STARTTLS", "PIPELINING", "SIZE",
    "ENHANCEDSTATUSCODES", "DATE", "FILES", "STATE",
}  # fmt: skip
_OWN_TESTS = {"verifier.md", "agents.md", "installation.md", "releasing.md", "commands.md"}


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_a_name_in_capitals_is_one_of_an_error_a_verb_or_a_check(page):
    found = {span for span in pages.spans(page) if re.fullmatch(r"[A-Z]{4,}(?:[_-][A-Z0-9]+)*|IO", span)}
    found |= {
        name
        for span in pages.spans(page)
        for name in re.findall(r"\[([A-Z_]+)\]|ERR ([A-Z_]+)", span)
        for name in name
        if name
    }
    unknown = {name for name in found - NAMES - OTHERS if not name.startswith("AIMX_")}
    assert page.name in _OWN_TESTS or unknown == set()
