"""Mail of this daemon to its own domain: verified like anybody's, as if it came from our public address (O4)."""

from collections.abc import Callable

import trio

from aimx import limits
from aimx.effects.api import Resolver
from aimx.effects.network import TcpNetwork
from aimx.model.config import Config
from aimx.model.dns import Question
from aimx.model.domain import a_label
from aimx.policy import exchange


class OwnConnections:
    """Which connections to the listener are our own, and what address they stand for."""

    def __init__(self, network: TcpNetwork, resolver: Resolver, config: Callable[[], Config]) -> None:
        self._network = network
        self._resolver = resolver
        self._config = config

    def includes(self, peer: tuple[str, int]) -> bool:
        """Whether this daemon is at the other end."""
        return self._network.is_own(peer)

    async def public_address(self) -> str | None:
        """The first address that our domain publishes; None when it publishes none, or no answer comes in time."""
        config = self._config()
        domain = a_label(config.domain)
        if domain is None:
            return None
        questions: tuple[Question, ...] = (Question(domain, "A"),)
        if config.enable_ipv6:
            questions = (*questions, Question(domain, "AAAA"))
        with trio.move_on_after(limits.OWN_ADDRESS_S):
            for answer in await self._resolver.answers(questions):
                for address in filter(exchange.valid, answer.records):
                    return address
        return None
