"""Domains as the DNS describes them: who is asked, in which order, and what no host at all means."""

import pytest

from aimx import limits
from tests.smtp.stage import Script, Table, World

MX = {"MX": ["10 mx.test"]}
HOST = {"A": ["192.0.2.1"]}
CASES = {
    "one host": ({"x.test": MX, "mx.test": HOST}, {}, ["192.0.2.1"], "delivered", "queued"),
    "NXDOMAIN": ({}, {}, [], "failed", "5.1.2"),
    "null MX": ({"x.test": {"MX": ["0 ."]}}, {}, [], "failed", "5.1.10"),
    "MX fails, no fallback": ({"x.test": {"MX": "temperror", **HOST}}, {}, [], "deferred", "4.4.3"),
    "no MX, the domain itself": ({"x.test": HOST}, {}, ["192.0.2.1"], "delivered", "queued"),
    "no MX, no address": ({"x.test": {}}, {}, [], "failed", "5.4.4"),
    "no MX, its address fails": ({"x.test": {"A": "temperror"}}, {}, [], "deferred", "4.4.3"),
    "host without address": ({"x.test": MX, "mx.test": {}}, {}, [], "failed", "no IPv4 address"),
    "host that does not exist": ({"x.test": MX}, {}, [], "failed", "no IPv4 address"),
    "host whose address fails": ({"x.test": MX, "mx.test": {"A": "temperror"}}, {}, [], "deferred", "4.4.3"),
    "an address for a name": ({"x.test": {"MX": ["10 192.0.2.1"]}}, {}, [], "failed", "5.4.4"),
    "the next host has an address": (
        {"x.test": {"MX": ["1 no.test", "2 mx.test"]}, "mx.test": HOST}, {}, ["192.0.2.1"], "delivered", "queued",
    ),
    "IPv6 alone, off": ({"x.test": MX, "mx.test": {"AAAA": ["2600::1"]}}, {}, [], "failed", "enable_ipv6 is off"),
    "IPv6 alone, on": (
        {"x.test": MX, "mx.test": {"AAAA": ["2600::1"]}}, {"enable_ipv6": True}, ["2600::1"], "delivered", "queued",
    ),
    "IPv6 first when it is on": (
        {"x.test": MX, "mx.test": {"AAAA": ["2600::9"], **HOST}}, {"enable_ipv6": True}, ["2600::9", "192.0.2.1"],
        "delivered", "queued",
    ),
    "both, but off": ({"x.test": MX, "mx.test": {"AAAA": ["2600::1"], **HOST}}, {}, ["192.0.2.1"], "delivered", ""),
    "private": ({"x.test": MX, "mx.test": {"A": ["10.0.0.1"]}}, {}, [], "failed", "private address 10.0.0.1"),
    "loopback": ({"x.test": MX, "mx.test": {"A": ["127.0.0.1"]}}, {}, [], "failed", "private"),
    "metadata of a cloud": ({"x.test": {"A": ["169.254.169.254"]}}, {}, [], "failed", "private"),
    "private, allowed": (
        {"x.test": MX, "mx.test": {"A": ["10.0.0.1"]}}, {"allow_private_mx": True}, ["10.0.0.1"], "delivered", "queued",
    ),
    "no host's address, private ones allowed": (
        {"x.test": MX, "mx.test": {"A": ["0.0.0.0"]}}, {"allow_private_mx": True}, [], "failed",
        "0.0.0.0, where no server can be",
    ),
    "private beside public": (
        {"x.test": MX, "mx.test": {"A": ["127.0.0.1", "192.0.2.1"]}}, {}, ["192.0.2.1"], "delivered", "queued",
    ),
    "no server answers": ({"x.test": MX, "mx.test": {"A": ["192.0.2.8"]}}, {}, ["192.0.2.8"], "deferred", "refused"),
}  # fmt: skip


@pytest.mark.parametrize(("zone", "config", "tried", "result", "words"), CASES.values(), ids=CASES)
def test_a_domain_and_its_hosts(zone, config, tried, result, words):
    world = World({address: Script() for address in ("192.0.2.1", "10.0.0.1", "2600::1")}, zone, **config)
    (outcome,) = world.deliver()
    assert (outcome.result, words in outcome.reply) == (result, True), outcome
    assert world.tried == tried


class Turning(Table):
    """An address that is public when it is looked up first, and our own from then on."""

    def _answer(self, question):
        answer = super()._answer(question)
        if question.rtype == "A":
            self.zone[question.name]["A"] = ["127.0.0.1"]
        return answer


def test_an_address_that_changes_after_the_look_up_is_not_connected_to():
    world = World(Script(), {})
    world.resolver = Turning({"x.test": dict(MX), "mx.test": dict(HOST)})
    (outcome,) = world.deliver()
    assert outcome.result == "delivered"
    assert world.tried == ["192.0.2.1"]
    assert [question.name for question in world.resolver.asked if question.rtype == "A"] == ["mx.test"]


def test_hosts_by_preference_equal_ones_shuffled_at_most_ten():
    zone = {"x.test": {"MX": ["20 c.test", "10 b.test", "10 a.test", *(f"{n} h{n}.test" for n in range(30, 1000))]}}
    world = World({}, zone | {f"{c}.test": {"A": [f"192.0.2.{ord(c)}"]} for c in "abc"})
    (outcome,) = world.deliver()
    # The stage shuffles by reversing.
    assert world.tried == [f"192.0.2.{ord(c)}" for c in "bac"]
    assert len({question.name for question in world.resolver.asked}) == 1 + limits.MX_HOSTS
    assert (outcome.result, outcome.host) == ("deferred", "c.test")
    assert outcome.reply.startswith("b.test: 4.4.1 192.0.2.98: Connection refused; a.test:")


def test_all_addresses_of_a_host_are_tried_until_one_answers():
    zone = {"x.test": MX, "mx.test": {"A": [f"192.0.2.{n}" for n in range(1, 6)]}}
    servers = {"192.0.2.3": Script(banner="close"), "192.0.2.2": Script(), "192.0.2.1": Script()}
    world = World(servers, zone)
    assert world.deliver()[0].result == "delivered"
    assert world.tried == ["192.0.2.5", "192.0.2.4", "192.0.2.3", "192.0.2.2"]


def test_a_host_that_turned_us_away_is_not_asked_again_at_its_other_address():
    zone = {"x.test": {"MX": ["1 mx.test", "2 b.test"]}, "b.test": {"A": ["192.0.2.9"]},
            "mx.test": {"A": ["192.0.2.1", "192.0.2.2"]}}  # fmt: skip
    world = World({"192.0.2.2": Script(banner=b"554 5.7.1 go away\r\n"), "192.0.2.9": Script()}, zone)
    assert world.deliver()[0].result == "delivered"
    assert world.tried == ["192.0.2.2", "192.0.2.9"]


TWO = {"x.test": {"MX": ["1 mx.test", "2 b.test"]}, "mx.test": HOST, "b.test": {"A": ["192.0.2.2"]}}
FALLBACKS = {
    "banner 4yz": ({"banner": b"421 busy\r\n"}, "delivered"),
    "banner 5yz": ({"banner": b"554 no\r\n"}, "delivered"),
    "HELO 5yz": ({"ehlo": b"500 what\r\n", "helo": b"550 no\r\n"}, "delivered"),
    "MAIL 4yz": ({"mail": b"451 later\r\n"}, "delivered"),
    "MAIL 5yz": ({"mail": b"550 no\r\n"}, "delivered"),
    "RCPT 4yz": ({"rcpt": b"450 grey\r\n"}, "delivered"),
    "RCPT 5yz": ({"rcpt": b"550 5.1.1 no\r\n"}, "failed"),
    "DATA 4yz": ({"data": b"451 later\r\n"}, "delivered"),
    "DATA 5yz": ({"data": b"554 no\r\n"}, "failed"),
    "dot 4yz": ({"dot": b"452 full\r\n"}, "delivered"),
    "dot 5yz": ({"dot": b"554 spam\r\n"}, "failed"),
    "dot, then silence": ({"dot": "stall"}, "unknown"),
    "dot, then the end": ({"dot": "close"}, "unknown"),
    "dot, then nonsense": ({"dot": b"354 go on\r\n"}, "unknown"),
    "lost before the dot": ({"data": "close"}, "delivered"),
}


@pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize(("says", "result"), FALLBACKS.values(), ids=FALLBACKS)
def test_the_next_host_gets_only_what_may_pass(says, result, pipelining):
    second = Script()
    first = Script(*(["PIPELINING"] if pipelining else []), **says)
    world = World({"192.0.2.1": first, "192.0.2.2": second}, TWO)
    (outcome,) = world.deliver()
    assert outcome.result == result
    assert second.connections == (result == "delivered")
    assert len(second.messages) == second.connections


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [(b"554 never\r\n", b"554 never\r\n", "failed"), (b"554 never\r\n", b"421 later\r\n", "deferred"),
     (b"421 later\r\n", b"554 never\r\n", "deferred"), (b"421 later\r\n", b"421 later\r\n", "deferred")],
    ids=["never, never", "never, later", "later, never", "later, later"],
)  # fmt: skip
def test_only_when_every_host_refuses_for_good_it_has_failed(first, second, result):
    world = World({"192.0.2.1": Script(banner=first), "192.0.2.2": Script(banner=second)}, TWO)
    assert world.deliver()[0].result == result
