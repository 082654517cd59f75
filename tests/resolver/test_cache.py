"""The cache: TTL, order of leaving, bounds."""

import pytest

from aimx.model.dns import Answer, Question
from aimx.resolver.cache import AnswerCache


def answer(name: str, ttl_s: int = 60, status: str = "ok", records: tuple[str, ...] = ("x",)) -> Answer:
    return Answer(Question(name, "TXT"), status, records, ttl_s)


@pytest.mark.parametrize("status", ["ok", "nxdomain", "nodata", "temperror"])
def test_an_answer_lasts_as_long_as_its_ttl(status):
    cache = AnswerCache()
    cache.put(answer("a.test", 60, status), 100.0)
    assert cache.get(Question("a.test", "TXT"), 159.9) is not None
    assert cache.get(Question("a.test", "TXT"), 160.0) is None
    assert len(cache) == 0


def test_a_ttl_of_zero_is_never_a_hit():
    cache = AnswerCache()
    cache.put(answer("a.test", 0), 100.0)
    assert cache.get(Question("a.test", "TXT"), 100.0) is None


def test_the_least_recently_used_leaves_first():
    cache = AnswerCache(entries=2)
    cache.put(answer("a.test"), 0.0)
    cache.put(answer("b.test"), 0.0)
    cache.get(Question("a.test", "TXT"), 1.0)
    cache.put(answer("c.test"), 2.0)
    held = [name for name in "abc" if cache.get(Question(f"{name}.test", "TXT"), 3.0)]
    assert held == ["a", "c"]


def test_octets_are_bounded_too():
    cache = AnswerCache(octets=200_000)
    for number in range(100):
        cache.put(answer(f"{number}.test", records=("x" * 60_000,)), 0.0)
        assert len(cache) <= 3
    assert cache.get(Question("99.test", "TXT"), 0.0) is not None
    cache.put(answer("huge.test", records=("x" * 300_000,)), 0.0)
    assert len(cache) == 0


def test_a_newer_answer_replaces_the_older():
    cache = AnswerCache()
    cache.put(answer("a.test", records=("old",)), 0.0)
    cache.put(answer("a.test", records=("new",)), 1.0)
    found = cache.get(Question("a.test", "TXT"), 2.0)
    assert found is not None
    assert (found.records, len(cache)) == (("new",), 1)
