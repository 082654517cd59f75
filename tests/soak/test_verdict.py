"""What a soak says of things that were promised."""

from collections import Counter

import pytest

from tests.soak.__main__ import _differences


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (["a", "b", "c"], []),
        (["a", "b"], ["mails, lost: 1, as c"]),
        (["a", "b", "b"], ["mails, lost: 1, as c", "mails, doubled: 1, as b"]),
        (["a", "b", "c", "d"], ["mails, nobody asked for: 1, as d"]),
    ],
    ids=["all", "lost", "lost-and-doubled", "strange"],
)
def test_differences(there, told):
    assert _differences("mails", {"a", "b", "c"}, Counter(there)) == told
