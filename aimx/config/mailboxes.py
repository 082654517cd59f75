"""`[mailboxes.<name>]`: one table to a Mailbox, and what is odd between several of them."""

import re
from typing import Any

import msgspec

from aimx import limits
from aimx.config import hooks, legacy, schema
from aimx.config.fields import Place, quoted, single, table
from aimx.model.address import folded
from aimx.model.config import CATCHALL_NAMES, Hook, Mailbox, Trust

_OWNER = re.compile(r"[a-z_][a-z0-9_-]*[$]?\Z")
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\Z")


class Inherited(msgspec.Struct, frozen=True):
    """What the top level says: the domain, and the defaults of every mailbox."""

    domain: str
    trust: Trust
    trusted_senders: tuple[str, ...]


class Read(msgspec.Struct, frozen=True):
    """One mailbox with the places of its hooks and what is to be warned about."""

    mailbox: Mailbox
    hooks: tuple[tuple[Place, Hook], ...]
    warnings: tuple[str, ...]


def read_all(place: Place, raw: dict[str, Any], inherited: Inherited) -> tuple[dict[str, Mailbox], list[str]]:
    """Validate every mailbox and what must hold between them. Raises: ConfigInvalid."""
    found = [_read(place.key(name), name, table(place.key(name), body), inherited) for name, body in raw.items()]
    hooks.refuse_duplicates(pair for one in found for pair in one.hooks)
    mailboxes = [one.mailbox for one in found]
    warnings = [warning for one in found for warning in one.warnings]
    warnings += _same(place, mailboxes, "address", "address")
    warnings += _same(place, mailboxes, "name", "name but for upper and lower case")
    return {mailbox.name: mailbox for mailbox in mailboxes}, warnings


def _read(place: Place, name: str, raw: dict[str, Any], inherited: Inherited) -> Read:
    _refuse_name(place, name)
    legacy.refuse_mailbox(place, name, raw)
    warnings = schema.unknown(place, raw, schema.MAILBOX)
    values = schema.read(place, raw, schema.MAILBOX)
    if "address" not in values:
        raise place.refuse(
            f"mailbox '{name}' is missing required field 'address'; add e.g."
            f" address = {quoted(f'{name}@{inherited.domain}')}"
        )
    address = values["address"]
    catchall = folded(address) == folded(f"*@{inherited.domain}")
    trust = _trust(place, name, values, inherited)
    owner = _owner(place, name, values)
    if catchall and values.get("hooks"):
        raise place.key("hooks").refuse(
            f"mailbox '{name}' is the catchall but has hooks attached; catchall does not support hooks:"
            " move them to a mailbox with an address of its own"
        )
    warnings += _address_warnings(place, name, address, catchall, inherited.domain)
    if "allow_root_catchall" in values:
        warnings.append(place.key("allow_root_catchall").warn("no longer needed, ignored"))
    senders = values.get("trusted_senders", inherited.trusted_senders)
    if "trusted_senders" in values:
        warnings += pattern_warnings(place, senders)
    places = [place.key("hooks").item(index) for index in range(len(values.get("hooks", ())))]
    found = [hooks.read(at, name, body) for at, body in zip(places, values.get("hooks", ()), strict=True)]
    mailbox = Mailbox(name, address, owner, trust, senders, tuple(found), catchall)
    return Read(mailbox, tuple(zip(places, found, strict=True)), tuple(warnings))


def _refuse_name(place: Place, name: str) -> None:
    """A name becomes a directory below inbox/ and sent/."""
    if not name:
        raise place.refuse("Mailbox name cannot be empty; write [mailboxes.<name>]")
    if name.startswith("."):
        raise place.refuse(f"mailbox name {quoted(name)} cannot start with '.'; it names a directory: rename it")
    if "/" in name or not name.isprintable():
        raise place.refuse(f"mailbox name {quoted(name)} cannot contain '/' or control characters; rename it")
    if len(name.encode()) > limits.FILE_NAME_OCTETS:
        raise place.refuse(f"mailbox name is longer than {limits.FILE_NAME_OCTETS} octets; rename it")


def _trust(place: Place, name: str, values: dict[str, Any], inherited: Inherited) -> Trust:
    if "trust" not in values:
        return inherited.trust
    for known in schema.TRUST_VALUES:
        if values["trust"] == known:
            return known
    raise place.key("trust").refuse(
        f'invalid trust value {single(values["trust"])} on mailbox \'{name}\': expected one of ["none", "verified"]'
    )


def _owner(place: Place, name: str, values: dict[str, Any]) -> str:
    owner: str = values.get("owner", "")
    if not owner.strip():
        raise place.refuse(
            f"mailbox '{name}' is missing required field 'owner'; re-run 'sudo aimx setup' or hand-edit config.toml"
        )
    if not _OWNER.match(owner) or len(owner) > limits.USER_NAME_OCTETS:
        raise place.key("owner").refuse(
            f"mailbox '{name}' has invalid owner {single(owner)}: must be 'root', 'aimx-catchall',"
            " or a valid Linux username matching [a-z_][a-z0-9_-]*[$]?"
        )
    return owner


def _address_warnings(place: Place, name: str, address: str, catchall: bool, domain: str) -> list[str]:
    at = place.key("address")
    if catchall:
        return []
    if not _ADDRESS.match(address):
        return [at.warn(f"{quoted(address)} is no address; only mail to {name}@{domain} arrives here")]
    if address.startswith("*@"):
        return [at.warn(f"{quoted(address)} is no catchall of {domain}; write {quoted(f'*@{domain}')}")]
    if folded(address.rpartition("@")[2]) != folded(domain):
        return [at.warn(f"{quoted(address)} is not at {domain}; only mail to {name}@{domain} arrives here")]
    if name in CATCHALL_NAMES:
        return [place.warn(f"the name is reserved for the wildcard address {quoted(f'*@{domain}')}")]
    return []


def pattern_warnings(place: Place, patterns: tuple[str, ...]) -> list[str]:
    """Patterns that no address can match."""
    return [
        place.key("trusted_senders").item(index).warn(f"{quoted(pattern)} matches no address: it has no @")
        for index, pattern in enumerate(patterns)
        if "@" not in pattern and not set(pattern) & set("*?[{")
    ]


def _same(place: Place, mailboxes: list[Mailbox], attribute: str, what: str) -> list[str]:
    """Two that cannot be told apart: the first in the file gets the mail."""
    seen: dict[str, Mailbox] = {}
    warnings = []
    for mailbox in mailboxes:
        value = folded(getattr(mailbox, attribute))
        first = seen.setdefault(value, mailbox)
        if first is not mailbox:
            warnings.append(place.key(mailbox.name).warn(f"same {what} as {first.name}, which gets the mail"))
    return warnings
