"""The oracle of cost sees steep growth, leaps and constant horrors, and no failure where chance is all there is."""

from random import Random

import pytest

from aimx import limits
from tests.fuzz import cost
from tests.fuzz.target import Target

_K = 1024


def _target(bound=limits.MIB, within_s=5.0):
    return Target("x", len, (), (), tuple, 4096, bound, len, (), (), (), within_s)


def _judged(takes, target=None):
    """What comes of an input that takes so long by its length."""

    def clock(_function, octets, least_of):
        return min(takes(len(octets)) for _ in range(least_of))

    return cost.judged(target or _target(), "x", lambda size: b"x" * size, clock)


@pytest.mark.parametrize(
    "takes",
    [
        pytest.param(lambda size: 0.05 * (size / (2 * _K)) ** 2, id="quadratic, steep from the first size"),
        pytest.param(lambda size: 0.001 * (size / (2 * _K)) ** 2, id="quadratic"),
        pytest.param(lambda size: 0.015 * (size / (2 * _K)) ** 3, id="cubic"),
        pytest.param(lambda size: 1e-4 * 2 ** min(size / 512, 99), id="exponential"),
        pytest.param(lambda size: 3.0 if size >= 4 * _K else 0.0005, id="a leap"),
        pytest.param(lambda size: 30.0 if size == limits.MIB else 1e-8 * size, id="a leap at the bound"),
        pytest.param(lambda _: 10.0, id="the same horror at every size"),
        pytest.param(lambda size: 2e-5 * size, id="linear, but 21 s at the bound"),
    ],
)  # fmt: skip
def test_what_costs_too_much_is_harmful(takes):
    assert _judged(takes).harmful


@pytest.mark.parametrize(
    "takes",
    [
        pytest.param(lambda size: 1e-6 * size, id="linear"),
        pytest.param(lambda size: 4e-6 * size, id="linear, 4 s at the bound"),
        pytest.param(lambda size: 1e-9 * (size / (2 * _K)) ** 2, id="quadratic, not to be seen"),
        pytest.param(lambda size: 1e-8 * size + 0.3, id="a high price once"),
        pytest.param(lambda size: 0.2 if size >= 64 * _K else 1e-7 * size, id="a small leap, and level after it"),
        pytest.param(lambda size: 1e-6 * min(size, 8 * _K) ** 1.5 / 90, id="steep up to a limit"),
    ],
)
def test_what_costs_little_is_not(takes):
    assert not _judged(takes).harmful


@pytest.mark.parametrize("seed", range(20))
def test_chance_is_no_growth(seed):
    random = Random(seed)
    assert not _judged(lambda size: 1e-6 * size * (1 + 4 * (random.random() < 0.3))).harmful


def test_few_large_sizes_are_told_by_smaller_ones():
    found = _judged(lambda size: 3.0 * (size / (2 * _K)) ** 2)
    assert found.exponent == pytest.approx(2, abs=0.01) and found.points[0][0] < 2 * _K


def test_what_raises_is_harmful():
    def fails(_octets):
        raise ValueError("no")

    found = cost.judged(_target()._replace(cost=fails), "x", lambda size: b"x" * size)
    assert found.harmful and "ValueError" in found.family


def test_a_bound_below_the_first_size_is_measured_too():
    assert _judged(lambda size: 1.0 * size**2, _target(bound=64)).harmful
    assert not _judged(lambda size: 1e-5 * size, _target(bound=64)).harmful


@pytest.mark.parametrize("bound", [64 * _K - 1, 64 * _K, 64 * _K + 1])
def test_the_bound_itself_is_measured(bound):
    ticks = {16 * _K: 0.004, 32 * _K: 0.008}
    found = _judged(lambda size: ticks.get(size, 0.00001), _target(bound=bound))
    assert found.points[-1][0] == bound
    assert not found.harmful


def test_the_clock_of_the_measurements_is_the_processors():
    found = cost.judged(_target(bound=4096), "x", lambda size: b"x" * size)
    assert not found.harmful and all(0 <= seconds < 1 for _, seconds in found.points)
