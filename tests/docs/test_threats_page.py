"""threats.md names tests and fixtures that exist, each of the defences of security.md is shown by one."""

import re

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "threats.md"
SECTIONS = [
    heading for heading in re.findall(r"^## .+$", PAGE.read_text(), re.MULTILINE) if "not defended" not in heading
]
SHOWN = sorted({span for span in pages.spans(PAGE) if span.startswith(("tests/", "fixtures/"))})


@pytest.mark.parametrize("shown", SHOWN)
def test_what_shows_it_exists(shown):
    path, _, function = shown.partition("::")
    assert (ROOT / path).exists()
    assert not function or re.search(rf"^(?:async )?def {function}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_row_is_shown_by_something(heading):
    for who, threat, _, shown in pages.rows(PAGE, heading):
        assert re.fullmatch(r"[ALORDF](, [ALORDF])*", who), threat
        assert re.search(r"`(?:tests|fixtures)/", shown), threat


def test_the_fixtures_after_the_first_are_as_many_as_it_says():
    (count,) = re.findall(r"60-end-lf-dot-lf\.smtp` and the (\d+) after it", PAGE.read_text())
    ends = list((ROOT / "fixtures" / "dialogs").glob("[6-9]?-end-*.smtp"))
    assert len(ends) == int(count) + 1


def test_the_readme_says_how_many_rows_there_are():
    rows = sum(len(pages.rows(PAGE, heading)) for heading in SECTIONS)
    words = {80: "eighty", 90: "ninety", 100: "a hundred", 110: "a hundred and ten"}
    assert f"lists about {words[round(rows, -1)]} attacks and failures" in (ROOT / "README.md").read_text()
