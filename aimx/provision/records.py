"""What the DNS should say about our domain, and whether it does (guide, "DNS configuration").

Pure: answers are arguments. SPF is evaluated as a receiver does, not compared as text.
"""

import ipaddress
from collections.abc import Mapping
from typing import Literal, NamedTuple

from aimx.mailauth import domain, spf
from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer, Question, RecordType
from aimx.model.domain import a_label
from aimx.model.envelope import Envelope

Name = Literal["A", "AAAA", "MX", "SPF", "SPF (IPv6)", "DKIM", "DMARC", "PTR"]
State = Literal["ok", "warn", "wrong", "unknown"]
_PLACEHOLDER4, _PLACEHOLDER6 = "<IPv4 of this server>", "<IPv6 of this server>"


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


Judged = tuple[tuple[Verdict, ...], tuple[Question, ...]]


class Zone(NamedTuple):
    """What our records depend on. `key`: the value of the DKIM record, None when the key is not known.

    `ipv4` and `ipv6` are the addresses that connections leave from, None when not known. `local`: published addresses
    that this machine has. `with_ipv6`: enable_ipv6.
    """

    domain: str
    selector: str
    key: str | None
    ipv4: str | None
    ipv6: str | None
    local: frozenset[str]
    with_ipv6: bool


def public(address: str | None) -> str | None:
    """The address if the world knows a machine by it; behind NAT it does not."""
    return address if address is not None and ipaddress.ip_address(address).is_global else None


def wanted(zone: Zone) -> dict[Name, Record]:
    """The records to publish, in the order in which they are shown."""
    name, ipv4, ipv6 = zone.domain, zone.ipv4 or _PLACEHOLDER4, zone.ipv6 or _PLACEHOLDER6
    spf_value = f"v=spf1 ip4:{ipv4} ip6:{ipv6} -all" if zone.with_ipv6 else f"v=spf1 ip4:{ipv4} -all"
    found: dict[Name, Record] = {"A": Record("A", name, ipv4)}
    if zone.with_ipv6:
        found["AAAA"] = Record("AAAA", name, ipv6)
    found["MX"] = Record("MX", name, f"10 {name}.")
    found["SPF"] = found["SPF (IPv6)"] = Record("TXT", name, spf_value)
    if zone.key is not None:
        found["DKIM"] = Record("TXT", f"{zone.selector}._domainkey.{name}", zone.key)
    found["DMARC"] = Record("TXT", f"_dmarc.{name}", "v=DMARC1; p=reject")
    return found


def questions(zone: Zone) -> tuple[Question, ...]:
    """What to ask first; the evaluation of SPF and of mail exchanges may ask for more."""
    name = _ascii(zone.domain)
    asked = [
        Question(name, "A"), Question(name, "MX"), Question(name, "TXT"),
        Question(f"{zone.selector.lower()}._domainkey.{name}", "TXT"), Question(f"_dmarc.{name}", "TXT"),
    ]  # fmt: skip
    if zone.with_ipv6:
        asked.append(Question(name, "AAAA"))
    if zone.ipv4 is not None:
        asked.append(Question(_reverse(zone.ipv4), "PTR"))
    return tuple(asked)


def judge(zone: Zone, answers: Mapping[Question, Answer], final: bool) -> Judged:
    """A verdict per record, and what has still to be asked; with `final` what is open stays unknown."""
    asked = Asked(answers, final)
    verdicts = [_address(zone, "A", asked)]
    if zone.with_ipv6:
        verdicts.append(_address(zone, "AAAA", asked))
    verdicts += [_mx(zone, asked), _spf(zone, "SPF", asked)]
    if zone.with_ipv6:
        verdicts.append(_spf(zone, "SPF (IPv6)", asked))
    verdicts += [_dkim(zone, asked), _dmarc(zone, asked), *_ptr(zone, asked)]
    return tuple(verdicts), asked.missing()


def _ascii(domain: str) -> str:
    return a_label(domain) or domain.lower()


def _reverse(ipv4: str) -> str:
    return ".".join(reversed(ipv4.split("."))) + ".in-addr.arpa"


def _answer(asked: Asked, name: str, rtype: RecordType) -> Answer:
    return asked.answer(name, rtype) or Answer(Question(name, rtype), "temperror")


def _unknown(check: Name, answer: Answer) -> Verdict:
    return Verdict(check, "unknown", f"not checked: no answer for {answer.question.rtype} {answer.question.name}")


def _leaving(zone: Zone, rtype: Literal["A", "AAAA"], asked: Asked) -> str | None:
    """The address that mail leaves from; behind NAT that is, in all likelihood, the published one."""
    known = zone.ipv4 if rtype == "A" else zone.ipv6
    return known or next(iter(_answer(asked, _ascii(zone.domain), rtype).records), None)


def _address(zone: Zone, check: Literal["A", "AAAA"], asked: Asked) -> Verdict:
    answer = _answer(asked, _ascii(zone.domain), check)
    record, ours = wanted(zone)[check], zone.ipv4 if check == "A" else zone.ipv6
    if answer.status == "temperror":
        return _unknown(check, answer)
    if not answer.records:
        return Verdict(check, "wrong", f"No {check} record found", record)
    shown = ", ".join(answer.records)
    if ours in answer.records or zone.local & set(answer.records):
        return Verdict(check, "ok", shown)
    if ours is None:
        why = f"{shown}; not checked: this machine does not know its public address (it is behind NAT, or offline)"
        return Verdict(check, "unknown", why)
    return Verdict(check, "wrong", f"{check} record points to {shown}, expected {ours}", record)


def _mx(zone: Zone, asked: Asked) -> Verdict:
    """Right when the first choice is our domain itself, or a host that has our address."""
    name = _ascii(zone.domain)
    answer, record = _answer(asked, name, "MX"), wanted(zone)["MX"]
    if answer.status == "temperror":
        return _unknown("MX", answer)
    hosts = sorted((int(number), host.lower()) for number, _, host in (text.partition(" ") for text in answer.records))
    if not hosts:
        return Verdict("MX", "wrong", "No MX record found", record)
    shown = ", ".join(f"{number} {host or '.'}." for number, host in hosts)
    first = {host for number, host in hosts if number == hosts[0][0]}
    if first == {name}:
        return Verdict("MX", "ok", shown) if len(hosts) == 1 else _others(shown, record)
    foreign = first - {name}
    addresses = [_answer(asked, host, "A") if host else Answer(Question("", "A"), "nodata") for host in foreign]
    if any(found.status == "temperror" for found in addresses):
        return _unknown("MX", next(found for found in addresses if found.status == "temperror"))
    ours = {zone.ipv4} | zone.local
    if all(ours & set(found.records) for found in addresses):
        return Verdict("MX", "ok", shown) if len(hosts) == len(first) else _others(shown, record)
    if zone.ipv4 is None and all(found.records for found in addresses):
        return Verdict("MX", "unknown", f"{shown}; not checked: this machine does not know its public address")
    return Verdict("MX", "wrong", f"MX record points to {shown}, expected 10 {name}.", record)


def _others(shown: str, record: Record) -> Verdict:
    why = f"{shown}: mail goes to the other servers whenever this one does not answer, and AIMX never fetches it there"
    return Verdict("MX", "warn", why, record)


def _spf(zone: Zone, check: Literal["SPF", "SPF (IPv6)"], asked: Asked) -> Verdict:
    name = _ascii(zone.domain)
    answer, record = _answer(asked, name, "TXT"), wanted(zone._replace(ipv4=_leaving(zone, "A", asked)))["SPF"]
    if answer.status == "temperror":
        return _unknown(check, answer)
    policies = [text for text in answer.records if text.lower().split(" ")[0] == "v=spf1"]
    if not policies:
        return Verdict(check, "wrong", "No SPF record found", record)
    if len(policies) > 1:
        return Verdict(check, "wrong", f"{len(policies)} SPF records: receivers take none of them", record)
    address = _leaving(zone, "A" if check == "SPF" else "AAAA", asked)
    if address is None:
        return Verdict(check, "unknown", f"{policies[0]}; not checked: the address that mail leaves from is not known")
    envelope = Envelope(f"postmaster@{name}", (), address, name, 0.0)
    outcome = spf.check(envelope, asked)
    if outcome is None or outcome.result == "temperror":
        return Verdict(check, "unknown", f"not checked: the record {policies[0]} could not be evaluated in time")
    if outcome.result == "pass":
        return Verdict(check, "ok", policies[0])
    if outcome.result == "permerror":
        return Verdict(check, "wrong", f"SPF record cannot be evaluated: {policies[0]}", record)
    return Verdict(check, "wrong", f"SPF record does not include {address} ({outcome.result}): {policies[0]}", record)


def _dkim(zone: Zone, asked: Asked) -> Verdict:
    name = f"{zone.selector.lower()}._domainkey.{_ascii(zone.domain)}"
    answer, record = _answer(asked, name, "TXT"), wanted(zone).get("DKIM")
    if answer.status == "temperror":
        return _unknown("DKIM", answer)
    keys = [text for text in answer.records if "p=" in text]
    if not keys:
        return Verdict("DKIM", "wrong", f"No DKIM record found at {name}", record)
    if zone.key is None:
        return Verdict("DKIM", "unknown", "published, but not checked: there is no local key to compare it with")
    if len(keys) > 1:
        return Verdict("DKIM", "wrong", f"{len(keys)} DKIM records at {name}: verifiers take any of them", record)
    if _tags(keys[0]).get("p") != _tags(zone.key)["p"]:
        why = "DKIM record does not match the local key: signatures of outgoing mail fail until it does"
        return Verdict("DKIM", "wrong", why, record)
    return Verdict("DKIM", "ok", f"{name} matches the local key")


def _tags(text: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def _dmarc(zone: Zone, asked: Asked) -> Verdict:
    """The record of the domain, else of its organizational domain: as receivers look (RFC 7489 section 6.6.3)."""
    name, record = _ascii(zone.domain), wanted(zone)["DMARC"]
    for place in dict.fromkeys((name, domain.organizational(name) or name)):
        answer = _answer(asked, f"_dmarc.{place}", "TXT")
        if answer.status == "temperror":
            return _unknown("DMARC", answer)
        policies = [text for text in answer.records if _tags(text).get("v") == "DMARC1"]
        if policies:
            return _policy(policies, record, inherited=place != name)
    return Verdict("DMARC", "wrong", "No DMARC record found", record)


def _policy(policies: list[str], record: Record, inherited: bool) -> Verdict:
    if len(policies) > 1:
        return Verdict("DMARC", "wrong", f"{len(policies)} DMARC records: receivers take none of them", record)
    tags = _tags(policies[0])
    policy = (tags.get("sp") if inherited else None) or tags.get("p", "")
    if policy.lower() == "none":
        return Verdict("DMARC", "warn", "p=none asks receivers to let forged mail of your domain through", record)
    if policy.lower() not in ("quarantine", "reject"):
        return Verdict("DMARC", "wrong", f"DMARC record has no policy that counts: {policies[0]}", record)
    return Verdict("DMARC", "ok", policies[0])


def _ptr(zone: Zone, asked: Asked) -> tuple[Verdict, ...]:
    """Reverse DNS is the provider's, and optional (guide): never wrong, at most a warning."""
    address, name = _leaving(zone, "A", asked), _ascii(zone.domain)
    if address is None:
        return ()
    answer = _answer(asked, _reverse(address), "PTR")
    if answer.status == "temperror":
        return (_unknown("PTR", answer),)
    if name in (host.lower() for host in answer.records):
        return (Verdict("PTR", "ok", f"{address} is {name}"),)
    says = f"is {', '.join(answer.records)}" if answer.records else "has no name"
    why = f"{address} {says}, not {name}: some receivers take that for spam; the provider of the server sets it"
    return (Verdict("PTR", "warn", why),)
