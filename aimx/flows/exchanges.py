"""Find the hosts that take a domain's mail and the addresses to connect to. An address is looked up once, then used."""

from aimx import limits
from aimx.effects.api import Effects
from aimx.model.config import Config
from aimx.model.dns import Answer, Question
from aimx.policy import exchange
from aimx.policy.exchange import Implicit, NoHosts
from aimx.smtp.fate import Fate


async def hosts(fx: Effects, domain: str) -> list[str] | Fate:
    """In the order in which they are tried; hosts of equal preference in a random one (RFC 5321 section 5.1)."""
    (answer,) = await fx.resolver.answers((Question(domain, "MX"),))
    found = exchange.hosts(answer)
    if isinstance(found, NoHosts):
        return Fate("failed" if found.permanent else "deferred", found.why)
    if isinstance(found, Implicit):
        return [domain]
    return [host for group in found.groups for host in _shuffled(fx, group)]


async def addresses(fx: Effects, config: Config, host: str) -> list[str] | Fate:
    """Those of a host that may be connected to."""
    kinds: tuple[Question, ...] = (Question(host, "A"),)
    if config.enable_ipv6:
        kinds = (Question(host, "AAAA"), *kinds)
    answers = await fx.resolver.answers(kinds)
    found = [text for answer in answers for text in _shuffled(fx, answer.records) if exchange.valid(text)]
    allowed = [address for address in found if exchange.connectable(address, config.allow_private_mx)]
    if allowed:
        return allowed[: limits.MX_ADDRESSES]
    return _none(host, answers, found, config)


def _none(host: str, answers: tuple[Answer, ...], found: list[str], config: Config) -> Fate:
    if any(answer.status == "temperror" for answer in answers):
        return Fate("deferred", f"4.4.3 the address of {host} could not be looked up")
    if found and config.allow_private_mx:
        return Fate("failed", f"5.4.4 {host} has the address {found[0]}, where no server can be")
    if found:
        return Fate("failed", f"5.4.4 {host} has the private address {found[0]} (allow_private_mx is off)")
    if config.enable_ipv6:
        return Fate("failed", f"5.4.4 {host} has no address")
    return Fate("failed", f"5.4.4 {host} has no IPv4 address (enable_ipv6 is off)")


def _shuffled(fx: Effects, names: tuple[str, ...]) -> list[str]:
    assert fx.sending is not None
    order = list(names)
    fx.sending.shuffle(order)
    return order
