"""The servers of a zone asked themselves: found through a resolver, followed downwards, each answering for itself."""

from contextlib import ExitStack

import pytest
import trio

from aimx.model.dns import Answer, Question
from aimx.resolver import authority
from aimx.resolver.authority import Server
from aimx.resolver.lookup import Lookup
from tests.resolver.servers import several

NAME = "agent.example.test"


@pytest.fixture
def world(monkeypatch):
    """A resolver with its zone at 127.0.0.1, and a server with its zone at each other address, all at one port."""
    with ExitStack() as stack:

        def made(resolver, servers):
            running = several({"127.0.0.1": resolver, **servers})
            for server in running:
                stack.callback(server.close)
            monkeypatch.setenv("AIMX_TEST_DNS", running[0].address)

        yield made


RESOLVER = {
    "example.test": {"NS": ["ns1.example.test.", "ns2.example.test."]},
    "ns1.example.test": {"A": ["127.0.0.2"]},
    "ns2.example.test": {"A": ["127.0.0.3"]},
    NAME: {"A": ["203.0.113.1"]},
}
ZONE = {NAME: {"A": ["198.51.100.7"]}, "example.test": {"A": ["198.51.100.8"]}}


def find(name=NAME):
    async def main():
        with trio.fail_after(30):
            return await authority.find(Lookup(), name)

    return trio.run(main)


def ask(server, name, rtype):
    async def main():
        with trio.fail_after(30):
            return await authority.ask(server, Question(name, rtype))

    return trio.run(main)


def test_the_servers_of_the_closest_zone_are_found(world):
    world(RESOLVER, {"127.0.0.2": ZONE, "127.0.0.3": ZONE})
    found = find()
    assert found.zone == "example.test"
    assert found.servers == (Server("ns1.example.test", "127.0.0.2"), Server("ns2.example.test", "127.0.0.3"))
    assert found.silent == ()


def test_what_a_server_says_is_its_own_and_not_the_resolvers(world):
    world(RESOLVER, {"127.0.0.2": ZONE, "127.0.0.3": {**ZONE, NAME: {"A": ["198.51.100.9"]}}})
    answers = [ask(server, NAME, "A").records for server in find().servers]
    assert answers == [("198.51.100.7",), ("198.51.100.9",)]


def test_a_delegation_that_the_resolver_does_not_know_yet_is_followed(world):
    parent = {
        "example.test": {},
        NAME: {"DELEGATED": ["ns.agent.example.test."]},
        "ns.agent.example.test": {"A": ["127.0.0.4"]},
    }
    world(RESOLVER, {"127.0.0.2": parent, "127.0.0.3": parent, "127.0.0.4": ZONE})
    found = find()
    assert (found.zone, found.servers) == (NAME, (Server("ns.agent.example.test", "127.0.0.4"),))


def test_lame_and_silent_servers_are_named(world):
    world(RESOLVER, {"127.0.0.2": {"test": {"RCODE": ["REFUSED"]}}})
    found = find()
    assert found.servers == ()
    assert found.silent == (
        ("ns1.example.test", "does not answer for example.test (REFUSED)"),
        ("ns2.example.test", "does not answer"),
    )


def test_a_server_that_is_silent_at_many_addresses_holds_nobody_up(world):
    silent = {"ns2.example.test": {"A": ["127.0.0.3", "127.0.0.4", "127.0.0.5"]}}
    world({**RESOLVER, **silent}, {"127.0.0.2": ZONE})
    found = find()
    assert [server.name for server in found.servers] == ["ns1.example.test"]
    assert found.silent == (("ns2.example.test", "does not answer"),)


def test_without_a_zone_nobody_is_named(world):
    world({}, {})
    assert find() == authority.Authority("")


@pytest.mark.parametrize(
    ("zone", "rtype", "expected"),
    [
        ({NAME: {"TXT": ["x" * 3000]}}, "TXT", ("ok", ("x" * 3000,))),
        (
            {NAME: {"CNAME": ["www.example.test."]}, "www.example.test": {"A": ["192.0.2.5"]}},
            "A",
            ("ok", ("192.0.2.5",)),
        ),
        ({NAME: {"A": ["192.0.2.5"]}}, "TXT", ("nodata", ())),
        ({"example.test": {}}, "A", ("nxdomain", ())),
        ({"example.test": {"RCODE": ["SERVFAIL"]}}, "A", ("temperror", ())),
    ],
    ids=["long", "alias-within", "nodata", "nxdomain", "servfail"],
)
def test_the_answers_of_one_server(world, zone, rtype, expected):
    world(RESOLVER, {"127.0.0.2": zone})
    found = ask(Server("ns1.example.test", "127.0.0.2"), NAME, rtype)
    assert isinstance(found, Answer)
    assert (found.status, found.records) == expected


@pytest.mark.parametrize(
    ("zone", "leads_to"),
    [
        ({NAME: {"CNAME": ["host.other.test."]}}, "host.other.test"),
        ({NAME: {"DELEGATED": ["ns.other.test."]}}, NAME),
    ],
    ids=["alias-that-leads-out", "delegated-away"],
)
def test_what_is_not_the_servers_to_say(world, zone, leads_to):
    world(RESOLVER, {"127.0.0.2": zone})
    assert ask(Server("ns1.example.test", "127.0.0.2"), NAME, "A") == leads_to
