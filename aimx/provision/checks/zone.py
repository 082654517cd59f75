"""Does the DNS say what it should?"""

from aimx.provision import agreement, records
from aimx.provision.checks.finding import Finding, Findings, look_again
from aimx.provision.facts import Facts, Names, with_ipv6
from aimx.provision.records import Verdict, Zone

_IDS = {"SPF (IPv6)": "DNS-SPF-IPV6", "PTR (IPv6)": "DNS-PTR-IPV6"}


def verdicts(facts: Facts) -> tuple[Verdict, ...]:
    """One line per record; none when the domain is not known."""
    if facts.names is None:
        return ()
    zone = _zone(facts, facts.names)
    return agreement.verdicts(zone, facts.names)


def _zone(facts: Facts, names: Names) -> Zone:
    key = facts.key
    ipv6 = records.public(names.outgoing6)
    return Zone(
        names.domain,
        key.selector if key is not None else "aimx",
        key.record if key is not None else None,
        records.public(names.outgoing4),
        ipv6,
        frozenset(names.local),
        with_ipv6(facts.config, facts.probe),
        names.outgoing4 is None and ipv6 is not None,
    )


def dns(facts: Facts) -> Findings:
    """Each record that is not as it should be; those that could not be checked together."""
    if facts.names is None:
        text = "The DNS was not checked: the domain is not known"
        yield Finding("DNS-NOT-CHECKED", "skip", text, look_again(facts))
        return
    found = verdicts(facts)
    for verdict in found:
        if verdict.state in ("wrong", "warn"):
            record = verdict.record
            fix = (f"publish: {record.rtype}  {record.name}  {record.value}",) if record is not None else ()
            severity = "fail" if verdict.state == "wrong" else "warn"
            yield Finding(_IDS.get(verdict.check, f"DNS-{verdict.check}"), severity, verdict.why, fix)  # type: ignore[arg-type]
    unknown = [verdict.check for verdict in found if verdict.state == "unknown"]
    if unknown:
        yield Finding("DNS-NOT-CHECKED", "skip", f"Not checked: {', '.join(unknown)} (see DNS above)")


CHECKS = (dns,)
