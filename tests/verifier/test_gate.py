"""How many at once and how often: places come back, buckets fill again, and names of strangers do not pile up."""

import pytest

from aimx import limits
from aimx.errors import Refused
from aimx.verifier import settings
from aimx.verifier.gate import Full, Gate, Rate


def test_places_come_back_however_they_are_left():
    gate = Gate(2, 1)
    with gate.place("a"):
        with pytest.raises(Full) as full, gate.place("a"):
            pass
        assert full.value.own
        with gate.place("b"), pytest.raises(Full) as full, gate.place("c"):
            pass
        assert not full.value.own
        with pytest.raises(ValueError), gate.place("b"):
            raise ValueError
        with gate.place("b"):
            assert gate.inside == 2
    assert gate.inside == 0 and not gate._of


def test_who_comes_through_the_proxy_has_no_share_of_his_own():
    gate = Gate(3, 1)
    with gate.place(None), gate.place(None), gate.place(None), pytest.raises(Full), gate.place(None):
        pass


def test_a_bucket_is_empty_after_its_depth_and_full_again_after_a_minute():
    rate = Rate(6)
    assert [rate.take("a", 0.0) for _ in range(8)] == [True] * 6 + [False] * 2
    assert rate.take("b", 0.0)
    assert [rate.take("a", 9.0), rate.take("a", 10.5), rate.take("a", 10.6)] == [False, True, False]
    assert [rate.take("a", 1000.0) for _ in range(7)] == [True] * 6 + [False]


def test_a_million_callers_do_not_fill_the_memory():
    rate = Rate(1)
    for number in range(limits.VERIFIER_CALLERS + 100):
        rate.take(str(number), 0.0)
    assert len(rate._buckets) == limits.VERIFIER_CALLERS
    assert not rate.take(str(limits.VERIFIER_CALLERS + 99), 0.0)


def test_the_guides_defaults():
    found = settings.read({})
    assert (str(found.web), str(found.smtp), found.smtp_concurrent) == ("127.0.0.1:3025", "0.0.0.0:25", 128)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BIND_ADDR", "3025"), ("BIND_ADDR", "localhost:3025"), ("BIND_ADDR", "127.0.0.1:"), ("BIND_ADDR", "::1:3025"),
        ("BIND_ADDR", "127.0.0.1:99999"), ("BIND_ADDR", "[127.0.0.1]:1"), ("SMTP_BIND_ADDR", "0.0.0.0:²5"),
        ("SMTP_MAX_CONCURRENT", "0"), ("SMTP_MAX_CONCURRENT", "-1"), ("SMTP_MAX_CONCURRENT", "many"),
        ("PROBE_MAX_CONCURRENT", "1e3"), ("PROBE_RATE_PER_MINUTE", "1000000"), ("EHLO_NAME", "a b"),
        ("EHLO_NAME", "-a"), ("EHLO_NAME", "a\r\nQUIT"), ("OWN_ADDRESSES", "9.9.9.9,me"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_by_its_name(variable, text):
    with pytest.raises(Refused, match=variable):
        settings.read({variable: text})


def test_settings_are_what_they_say():
    found = settings.read(
        {
            "BIND_ADDR": "[::1]:80",
            "EHLO_NAME": "v.example",
            "OWN_ADDRESSES": "9.9.9.9, ::ffff:8.8.8.8",
            "PROBE_RATE_PER_MINUTE": "9",
        }
    )
    assert str(found.web) == "[::1]:80" and found.name == "v.example" and found.probes_per_minute == 9
    assert {str(address) for address in found.own_addresses} == {"9.9.9.9", "8.8.8.8"}
