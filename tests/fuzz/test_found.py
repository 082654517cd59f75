"""Every input that once broke something, tried again. `python -m tests.fuzz` looks for more."""

import pytest

from tests.fuzz import targets
from tests.fuzz.target import CORPUS, FOUND, TARGETS

_CORPUS_OCTETS = 1_500_000
_ENTRY_OCTETS = 16_384
_INPUTS = sorted(path for path in FOUND.glob("*/*") if path.is_file())

assert targets.__all__


@pytest.mark.parametrize("path", _INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_breaks_nothing_any_more(path):
    TARGETS[path.parent.name].run(path.read_bytes())


def test_the_corpus_is_small_and_of_targets_that_there_are():
    files = [path for place in (CORPUS, FOUND) for path in place.glob("*/*")]
    assert {path.parent.name for path in files} <= set(TARGETS)
    assert all(path.stat().st_size <= _ENTRY_OCTETS for path in files)
    assert sum(path.stat().st_size for path in files) <= _CORPUS_OCTETS
