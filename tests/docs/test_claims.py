"""Numbers, modes and defaults in the prose of the book are the program's; none stands there that nobody checks."""

import re

import pytest

from tests.docs.claims import CLAIMS, ELSEWHERE
from tests.docs.pages import ROOT

ALL = [(page, claim) for page, claims in CLAIMS.items() for claim in claims]


def _text(page: str) -> str:
    return " ".join(re.sub(r"[│├└─]+", " ", (ROOT / "book" / page).read_text()).split())


@pytest.mark.parametrize(("page", "claim"), ALL, ids=[f"{page}: {claim[0]}" for page, claim in ALL])
def test_what_a_page_says_is_what_the_program_has(page, claim):
    sentence, *values = claim
    assert sentence.count("{") == len(values) > 0
    assert sentence.format(*values) in _text(page)


# Pages that are made from the program, and those whose every number has a test in a file of its own.
_MADE = {
    "agent-entries.md", "commands.md", "config-schema.md", "errors.md", "event-types.md", "frames.md", "frontmatter.md",
    "limits.md", "mcp-tools.md",
}  # fmt: skip
_OTHERS = {
    "README.md": "a list of pages",
    "performance.md": "figures of the bench, which writes them; test_performance_page.py",
    "releasing.md": "of the release's tools, tests/release",
    "smtp.md": "test_pages.py, test_delivery_page.py",
    "verifier.md": "test_verifier_page.py",
}
_PROSE = sorted({path.name for path in (ROOT / "book").glob("*.md")} - _MADE - set(_OTHERS))


@pytest.mark.parametrize("page", _PROSE)
def test_no_number_stands_there_that_nobody_checks(page):
    text = re.sub(r"^```.*?^```$", "", (ROOT / "book" / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    for sentence, *values in CLAIMS.get(page, ()):
        words = re.escape(sentence.format(*values)).split(r"\ ")
        text = re.sub(r"\s+".join(words), "…", text)
    text = re.sub(r"\]\([^)]*\)|`[^`]*`", "…", text)
    for pattern in (*ELSEWHERE["*"], *ELSEWHERE.get(page, ())):
        text = re.sub(pattern, "…", text, flags=re.MULTILINE)
    assert re.findall(r".*\d.*", text) == []


def test_what_is_passed_over_is_there():
    for page, patterns in ELSEWHERE.items():
        if page != "*":
            text = (ROOT / "book" / page).read_text()
            assert [one for one in patterns if not re.search(one, text, re.MULTILINE)] == [], page
