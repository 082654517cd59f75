"""Paths: what can be written between angle brackets, and what never may."""

import pytest

from aimx.model.address import Address
from aimx.smtp.address import path

WRITTEN = {
    "plain": ("bob", "bob"),
    "dots and plus": ("bob.b+tag", "bob.b+tag"),
    "blank": ("bob b", '"bob b"'),
    "already quoted": ('"bob b"', '"bob b"'),
    "a bracket": ("a>b", '"a>b"'),
    "a quote": ('a"b', '"a\\"b"'),
    "a dot too many": ("a..b", '"a..b"'),
    "an at": ("a@b", '"a@b"'),
    "UTF-8": ("jürgen", "jürgen"),
}
NEVER = ["", "a\r\nRCPT TO:<x@y>", "a\nb", "a\x00b", "a\x7f", "a\x1bb", "\ud800", "a" * 65, "ü" * 33, "a\x85b"]


@pytest.mark.parametrize(("local", "written"), WRITTEN.values(), ids=WRITTEN)
def test_local_parts_are_quoted_when_they_must_be(local, written):
    assert path(Address(local, "ignored"), "x.test") == f"{written}@x.test"


@pytest.mark.parametrize("local", NEVER, ids=ascii)
def test_nothing_leaves_the_line(local):
    assert path(Address(local, "ignored"), "x.test") is None


@pytest.mark.parametrize("domain", ["", "x y", "x>", "[127.0.0.1]", "-x", "x\r\n", "ü.test"], ids=ascii)
def test_domains_are_a_labels(domain):
    assert path(Address("bob", "ignored"), domain) is None
