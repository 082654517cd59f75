"""SPF for peers at their real addresses, DNS on port 53 by resolv.conf: the daemon is not told that it is a test."""

import pytest

from tests.lab import world

pytestmark = [pytest.mark.lab, pytest.mark.root]

EXPECTED = {
    "ip4": ("192.0.2.7", "pass", ""),
    "ip4, another peer": ("192.0.2.8", "fail", ""),
    "mx": ("198.51.100.9", "pass", ""),
    "ptr": ("198.51.100.9", "pass", ""),
    "bounce": ("198.51.100.9", "pass", ""),
    "dead": ("192.0.2.7", "none", "spf=temperror"),
    "short name in the search domain": ("192.0.2.7", "none", ""),
    "absent": ("192.0.2.7", "none", ""),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return world.play("tests.lab.everywhere", tmp_path_factory.mktemp("everywhere"))


@pytest.mark.parametrize("case", EXPECTED)
def test_spf_of_a_real_peer(stored, case):
    assert tuple(stored[case].values()) == EXPECTED[case]
