"""The address that our own connections stand for: what the domain publishes, if it does."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from aimx.daemon.ownmail import OwnConnections
from aimx.effects.network import TcpNetwork
from aimx.model.config import Config
from tests.smtp.stage import Table

CASES = {
    "A": ({"A": ["203.0.113.5", "203.0.113.6"]}, False, "203.0.113.5"),
    "AAAA, off": ({"AAAA": ["2600::1"]}, False, None),
    "AAAA, on": ({"AAAA": ["2600::1"]}, True, "2600::1"),
    "both, on": ({"A": ["203.0.113.5"], "AAAA": ["2600::1"]}, True, "203.0.113.5"),
    "nothing": ({}, True, None),
    "no answer": ({"A": "temperror"}, False, None),
    "no address": ({"A": ["x\n+++", "203.0.113.5"]}, False, "203.0.113.5"),
}


def stands_for(resolver, enable_ipv6=False):
    """The address found."""
    config = Config("agent.test", Path("/nowhere"), {}, enable_ipv6=enable_ipv6)

    async def main():
        return await OwnConnections(TcpNetwork(), resolver, lambda: config).public_address()

    return trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize(("records", "enable_ipv6", "address"), CASES.values(), ids=CASES)
def test_our_mail_comes_from_where_the_domain_says(records, enable_ipv6, address):
    assert stands_for(Table({"agent.test": records}), enable_ipv6) == address


def test_a_silent_resolver_holds_no_session_up_for_long():
    class Silent(Table):
        async def answers(self, questions):
            await trio.sleep_forever()

    assert stands_for(Silent({})) is None
