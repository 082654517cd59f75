"""DKIM: is the key that signs the one that is published? Keys are compared, however the record is written. Pure."""

from aimx.mailauth import domain
from aimx.mailauth.questions import Asked
from aimx.mailauth.signature import Unusable, tag_list
from aimx.provision.records.zone import Record, Verdict, Zone, answer, shown, stray, tags, unknown, wanted


def signing(zone: Zone, asked: Asked) -> Verdict:
    """The record of our selector."""
    name, record = zone.key_name, wanted(zone).get("DKIM")
    found = answer(asked, name, "TXT")
    if found.status == "temperror":
        return unknown("DKIM", found)
    keys = [text for text in found.records if "p" in tags(text) and not text.strip().startswith('"')]
    if not keys:
        return Verdict(
            "DKIM", "wrong", f"No DKIM record found at {name}{_elsewhere(zone, asked) or stray(found)}", record
        )
    if zone.key is None:
        return Verdict("DKIM", "unknown", "published, but not checked: there is no local key to compare it with")
    if len(keys) > 1:
        why = (
            f"{len(keys)} DKIM records at {name}: verifiers take any of them; leave the one that matches the local key"
        )
        return Verdict("DKIM", "wrong", why, record)
    return _compared(keys[0], zone.key, name, record)


def _compared(published: str, local: str, name: str, record: Record | None) -> Verdict:
    there, ours = tags(published), tags(local)["p"]
    why = _unfit(published)
    if not there["p"]:
        why = "DKIM record is empty (p=): that revokes the key"
    elif there["p"] != ours and ours.startswith(there["p"]):
        why = f"DKIM record is cut off: {len(there['p'])} of {len(ours)} characters of the key are there"
    elif there["p"] != ours:
        why = "DKIM record does not match the local key: signatures of outgoing mail fail until it does"
    if why:
        return Verdict("DKIM", "wrong", why, record)
    if "y" in _flags(there.get("t", "")):
        why = "t=y says that the domain is only trying DKIM out: receivers may treat its mail as unsigned"
        return Verdict("DKIM", "warn", why, record)
    return Verdict("DKIM", "ok", f"{name} matches the local key")


def _unfit(published: str) -> str:
    """Why no verifier takes the record, whatever key is in it."""
    try:
        there = tag_list(published)
    except Unusable as error:
        return f"DKIM record cannot be read ({error}): {shown(published)}"
    if there.get("v", "DKIM1") != "DKIM1":
        return f"DKIM record has v={there['v']}, only v=DKIM1 counts"
    if there.get("k", "rsa").lower() != "rsa":
        return f"DKIM record is for a key of another kind (k={there['k']}); ours is rsa"
    if "sha256" not in _flags(there.get("h", "sha256")):
        return f"DKIM record allows h={there['h']} only; our signatures use sha256"
    if not {"*", "email"} & _flags(there.get("s", "*")):
        return f"DKIM record is not for mail (s={there['s']})"
    return ""


def _flags(text: str) -> set[str]:
    return {flag.strip().lower() for flag in text.split(":")}


def _elsewhere(zone: Zone, asked: Asked) -> str:
    """Forms that append the domain to a name that has it already are the usual reason."""
    parent = domain.organizational(zone.name) or zone.name
    found = answer(asked, f"{zone.key_name}.{parent}", "TXT")
    if not any("p" in tags(text) for text in found.records):
        return ""
    short = zone.key_name.removesuffix(f".{parent}")
    return f", but at {found.question.name}: the DNS provider appends the domain; enter the name as {short}"
