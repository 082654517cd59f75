"""What a soak calls flat, and what it calls growth."""

import contextlib
import os
import statistics

import pytest

from tests.soak import sample


@pytest.mark.parametrize(
    ("figures", "flat"),
    [
        ([100.0] * 30, True),
        ([10.0] * 7 + [100.0] * 23, True),
        ([100.0] * 15 + [300.0] + [100.0] * 14, True),
        ([100.0 + 2 * number for number in range(30)], False),
        ([100.0] * 15 + [120.0] * 15, False),
        ([100.0], True),
    ],
    ids=["level", "a-cache-that-fills", "one-peak", "slow-growth", "a-step", "one-figure"],
)
def test_drift(figures, flat):
    assert sample.drift("x", figures, 1.1, 4, statistics.median).flat is flat


def test_a_role_that_grows_is_named():
    samples = [sample.Sample({"front": 50_000 + 2000 * number, "mcp": 9000}, {"front": 20}, {"front": 3})
               for number in range(12)]  # fmt: skip
    assert [drift.name for drift in sample.drifts(samples) if not drift.flat] == ["front pss"]


@pytest.mark.parametrize(
    ("an_hour_more", "named"),
    [
        ({"pss": 20_000}, ["front pss"]),
        ({"descriptors": 14}, ["front descriptors"]),
        ({"threads": 14}, ["front threads"]),
        ({"pss": 3000, "descriptors": 1}, []),
    ],
    ids=["memory", "descriptors", "threads", "nothing-to-speak-of"],
)
def test_a_leak_within_an_hour_is_named(an_hour_more, named):
    at_first = {"pss": 68_000, "descriptors": 40, "threads": 8}
    samples = [
        sample.Sample(*({"front": at_first[what] + an_hour_more.get(what, 0) * number // 30} for what in at_first))
        for number in range(30)
    ]
    assert [drift.name for drift in sample.drifts(samples) if not drift.flat] == named


def test_a_leak_of_every_mail_is_named_within_a_minute():
    samples = [sample.Sample({"front": 68_000}, {"front": 40 + number}, {"front": 8}) for number in range(10)]
    assert [drift.name for drift in sample.drifts(samples, sample.MINUTE) if not drift.flat] == ["front descriptors"]


def test_a_role_that_ended_is_named():
    samples = [sample.Sample({"front": 1, "worker": 1}, {}, {}), sample.Sample({"front": 1}, {}, {})]
    assert sample.gone(samples) == ["worker"]


def test_a_sample_counts_this_process():
    held = sample.settled({os.getpid(): "me", 2**22 + 1: "gone"}, 0.1)
    assert set(held.pss) == set(held.descriptors) == {"me"}
    assert held.pss["me"] > 0
    assert held.descriptors["me"] >= 3


def test_connections_to_the_index_count_beyond_their_bound_only(tmp_path):
    (tmp_path / ".aimx").mkdir()
    before = sample.take({os.getpid(): "me"}).descriptors["me"]
    with contextlib.ExitStack() as held:
        for number in range(sample.POOLED + 3):
            assert sample.take({os.getpid(): "me"}).descriptors["me"] == before + max(0, number - sample.POOLED)
            held.enter_context(open(tmp_path / ".aimx" / f"index.db{'-wal' * (number % 2)}", "ab"))
        held.enter_context(open(tmp_path / "mail", "ab"))
        assert sample.take({os.getpid(): "me"}).descriptors["me"] == before + 4
