"""What our records depend on, what they should be, and what is said about one of them. Pure values."""

import ipaddress
from typing import Literal, NamedTuple

from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer, Question, RecordType
from aimx.model.domain import a_label

Name = Literal["A", "AAAA", "MX", "SPF", "SPF (IPv6)", "DKIM", "DMARC", "PTR", "PTR (IPv6)"]
State = Literal["ok", "warn", "wrong", "unknown"]
Family = Literal["A", "AAAA"]
_PLACEHOLDER4, _PLACEHOLDER6 = "<IPv4 of this server>", "<IPv6 of this server>"
_SHOWN = 80  # characters of a foreign record in a sentence


class Record(NamedTuple):
    """A record to publish."""

    rtype: RecordType
    name: str
    value: str


class Verdict(NamedTuple):
    """One line of the DNS section. `record`: what to publish when it is not ok, where that is known."""

    check: Name
    state: State
    why: str = ""
    record: Record | None = None


class Zone(NamedTuple):
    """What our records depend on. `key`: the value of the DKIM record, None when the key is not known.

    `ipv4` and `ipv6` are the addresses that connections leave from, None when not known. `local`: published addresses
    that this machine has. `with_ipv6`: enable_ipv6. `only_ipv6`: this machine has no IPv4 at all, not even behind NAT.
    """

    domain: str
    selector: str
    key: str | None
    ipv4: str | None
    ipv6: str | None
    local: frozenset[str]
    with_ipv6: bool
    only_ipv6: bool = False

    @property
    def name(self) -> str:
        """The domain as the DNS writes it."""
        return a_label(self.domain) or self.domain.lower()

    @property
    def key_name(self) -> str:
        """Where the DKIM key is published."""
        return f"{self.selector.lower()}._domainkey.{self.name}"

    def address(self, family: Family) -> str | None:
        """The one that connections leave from."""
        return self.ipv4 if family == "A" else self.ipv6


def public(address: str | None) -> str | None:
    """The address if the world knows a machine by it; behind NAT it does not."""
    return address if address is not None and ipaddress.ip_address(address).is_global else None


def wanted(zone: Zone) -> dict[Name, Record]:
    """The records to publish, in the order in which they are shown."""
    name, six = zone.name, zone.with_ipv6
    four = not (six and zone.only_ipv6)
    found: dict[Name, Record] = {}
    if four:
        found["A"] = Record("A", name, zone.ipv4 or _PLACEHOLDER4)
    if six:
        found["AAAA"] = Record("AAAA", name, zone.ipv6 or _PLACEHOLDER6)
    found["MX"] = Record("MX", name, f"10 {name}.")
    terms = [f"ip4:{zone.ipv4 or _PLACEHOLDER4}"] if four else []
    terms += [f"ip6:{zone.ipv6 or _PLACEHOLDER6}"] if six else []
    found["SPF"] = found["SPF (IPv6)"] = Record("TXT", name, f"v=spf1 {' '.join(terms)} -all")
    if zone.key is not None:
        found["DKIM"] = Record("TXT", f"{zone.selector}._domainkey.{name}", zone.key)
    found["DMARC"] = Record("TXT", f"_dmarc.{name}", "v=DMARC1; p=reject")
    return found


def answer(asked: Asked, name: str, rtype: RecordType) -> Answer:
    """What is known; what has still to be asked is noted, and a temporary failure until then."""
    return asked.answer(name, rtype) or Answer(Question(name, rtype), "temperror")


def unknown(check: Name, open_: Answer) -> Verdict:
    """The verdict where an answer is missing."""
    return Verdict(check, "unknown", f"not checked: no answer for {open_.question.rtype} {open_.question.name}")


def leaving(zone: Zone, family: Family, asked: Asked) -> str | None:
    """The address that mail leaves from; behind NAT that is, in all likelihood, the published one."""
    if family == "A" and zone.only_ipv6:
        return None
    return zone.address(family) or next(iter(answer(asked, zone.name, family).records), None)


def tags(text: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record, blanks left out; the first of a name counts."""
    found: dict[str, str] = {}
    for tag in text.split(";"):
        name, equals, value = tag.partition("=")
        if equals:
            found.setdefault(name.strip(), "".join(value.split()))
    return found


def shown(text: str) -> str:
    """A record of others in a sentence of ours."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def stray(found: Answer) -> str:
    """What stands where a record should: not even nothing, when a wildcard or a slip of the pen is to blame."""
    if not found.records:
        return ""
    text = found.records[0]
    if text.strip().startswith(('"', "\\")):
        return f": the value there has quotation marks in it, enter it without: {shown(text)}"
    return f": the TXT record there is none: {shown(text)}"
