"""DMARC: is there a policy for the domain, and does it protect it? Pure."""

from aimx.mailauth import domain
from aimx.mailauth.questions import Asked
from aimx.provision.records.zone import Record, Verdict, Zone, answer, stray, tags, unknown, wanted

_POLICIES = ("quarantine", "reject")
_ALL = 100  # per cent


def policy(zone: Zone, asked: Asked) -> Verdict:
    """The record of the domain, else of its organizational domain: as receivers look (RFC 7489 section 6.6.3)."""
    record, own = wanted(zone)["DMARC"], ""
    for place in dict.fromkeys((zone.name, domain.organizational(zone.name) or zone.name)):
        found = answer(asked, f"_dmarc.{place}", "TXT")
        if found.status == "temperror":
            return unknown("DMARC", found)
        policies = [text for text in found.records if tags(text.partition(";")[0]).get("v") == "DMARC1"]
        if policies:
            return _judged(policies, record, place if place != zone.name else None)
        if place == zone.name:
            own = stray(found)
    return Verdict("DMARC", "wrong", f"No DMARC record found{_elsewhere(zone, asked) or own}", record)


def _judged(policies: list[str], record: Record, inherited: str | None) -> Verdict:
    """`inherited`: the organizational domain that it comes from."""
    source = f" (of _dmarc.{inherited})" if inherited is not None else ""
    if len(policies) > 1:
        return Verdict("DMARC", "wrong", f"{len(policies)} DMARC records{source}: receivers take none of them", record)
    found = tags(policies[0])
    tag = "sp" if inherited is not None and found.get("sp") else "p"
    asks = found.get(tag, "").lower()
    if asks == "none":
        why = f"{tag}=none asks receivers to let forged mail of your domain through{source}"
        return Verdict("DMARC", "warn", why, record)
    if asks not in _POLICIES:
        why = f"DMARC record has no policy that counts{source}: {policies[0]}"
        return Verdict("DMARC", "wrong", why, record)
    share = found.get("pct", "")
    if share.isdecimal() and int(share) < _ALL:
        why = f"pct={share} asks receivers to apply the policy to that share of the mail only{source}"
        return Verdict("DMARC", "warn", why, record)
    return Verdict("DMARC", "ok", f"{policies[0]}{source}")


def _elsewhere(zone: Zone, asked: Asked) -> str:
    parent = domain.organizational(zone.name) or zone.name
    name = f"_dmarc.{zone.name}"
    found = answer(asked, f"{name}.{parent}", "TXT")
    if not any(tags(text).get("v") == "DMARC1" for text in found.records):
        return ""
    short = name.removesuffix(f".{parent}")
    return f", but at {found.question.name}: the DNS provider appends the domain; enter the name as {short}"
