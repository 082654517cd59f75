"""SPF: does mail from this machine's address pass, evaluated as receivers do? Pure."""

from typing import Literal

from aimx.mailauth import spf
from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer
from aimx.model.envelope import Envelope
from aimx.provision.records.zone import Record, Verdict, Zone, answer, leaving, shown, stray, unknown, wanted

Check = Literal["SPF", "SPF (IPv6)"]
# Nobody's addresses (RFC 5737, RFC 2544, RFC 3849), in two different parts of IPv4: who lets both pass lets everybody.
_STRANGERS = {"SPF": ("192.0.2.77", "198.18.77.1"), "SPF (IPv6)": ("2001:db8:77::1",)}


def sender(zone: Zone, check: Check, asked: Asked) -> Verdict:
    """The verdict for one address family."""
    found, record = answer(asked, zone.name, "TXT"), _wanted(zone, asked)
    if found.status == "temperror":
        return unknown(check, found)
    policies = [text for text in found.records if text.lower().split(" ")[0] == "v=spf1"]
    if not policies:
        quoted = next((text for text in found.records if "v=spf1" in text.lower()), None)
        why = stray(Answer(found.question, "ok", (quoted,))) if quoted is not None else ""
        return Verdict(check, "wrong", f"No SPF record found{why}", record)
    if len(policies) > 1:
        return Verdict(check, "wrong", f"{len(policies)} SPF records: receivers take none of them; leave one", record)
    (policy,) = policies
    address = leaving(zone, "A" if check == "SPF" else "AAAA", asked)
    if address is None:
        return Verdict(check, "unknown", f"{policy}; not checked: the address that mail leaves from is not known")
    outcome = _evaluated(zone, address, asked)
    if outcome is None or outcome == "temperror":
        return Verdict(check, "unknown", f"not checked: the record {shown(policy)} could not be evaluated in time")
    if outcome == "permerror":
        return Verdict(check, "wrong", f"SPF record cannot be evaluated: {policy}", record)
    if outcome != "pass":
        why = f"SPF record does not include {address} ({outcome}): {policy}"
        return Verdict(check, "wrong", why, _added(zone, policy, asked))
    if all(_evaluated(zone, stranger, asked) == "pass" for stranger in _STRANGERS[check]):
        return Verdict(check, "warn", f"SPF record lets everybody send in your name: {policy}", record)
    return Verdict(check, "ok", policy)


def _evaluated(zone: Zone, address: str, asked: Asked) -> str | None:
    envelope = Envelope(f"postmaster@{zone.name}", (), address, zone.name, 0.0)
    outcome = spf.check(envelope, asked)
    return outcome.result if outcome is not None else None


def _known(zone: Zone, asked: Asked) -> Zone:
    """With the addresses that mail leaves from, as far as they can be told."""
    six = leaving(zone, "AAAA", asked) if zone.with_ipv6 else zone.ipv6
    return zone._replace(ipv4=leaving(zone, "A", asked), ipv6=six)


def _wanted(zone: Zone, asked: Asked) -> Record:
    return wanted(_known(zone, asked))["SPF"]


def _added(zone: Zone, policy: str, asked: Asked) -> Record:
    """The record that is there, with our addresses in front: who else sends for the domain goes on doing so."""
    version, *terms = policy.split()
    known = _known(zone, asked)
    ours = [f"ip4:{known.ipv4}"] if known.ipv4 is not None else []
    ours += [f"ip6:{known.ipv6}"] if zone.with_ipv6 and known.ipv6 is not None else []
    return Record("TXT", zone.name, " ".join([version, *(term for term in ours if term not in terms), *terms]))
