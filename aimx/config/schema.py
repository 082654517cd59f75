"""Every key of config.toml with the check of its value, and how a table is read by such a schema."""

from typing import Any

from aimx import limits
from aimx.config import fields, suggest
from aimx.config.fields import Check, Place, quoted, single
from aimx.model.config import Trust

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SELECTOR = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
TRUST_VALUES: tuple[Trust, ...] = ("none", "verified")


def _domain(place: Place, value: object) -> str:
    hint = "is no domain name; write one like agent.example.com (letters, digits, hyphens; xn-- for other scripts)"
    domain: str = fields.matching(rf"{_LABEL}(?:\.{_LABEL})*", hint)(place, value)
    if len(domain) > limits.DOMAIN_OCTETS - 2:  # RFC 1035 section 3.1: length octets and the root count too
        raise place.refuse("is longer than a domain name may be; 253 characters is the limit")
    return domain


def _data_dir(place: Place, value: object) -> str:
    found = fields.text(place, value)
    if not found.startswith("/"):
        raise place.refuse(f"{quoted(found)} is not an absolute path; write e.g. /var/lib/aimx")
    return found


def trust(place: Place, value: object) -> Trust:
    """`none` or `verified`."""
    found = fields.text(place, value)
    for known in TRUST_VALUES:
        if found == known:
            return known
    raise place.refuse(f'invalid top-level trust value {single(found)}: expected one of ["none", "verified"]')


_URL = r"https?://[^\s/?#]+(?:[/?#]\S*)?"

TOP: dict[str, Check] = {
    "domain": _domain,
    "data_dir": _data_dir,
    "dkim_selector": fields.matching(
        rf"{_SELECTOR}(?:\.{_SELECTOR})*", "is no DKIM selector; use letters, digits, hyphens, e.g. aimx"
    ),
    "trust": trust,
    "trusted_senders": fields.texts,
    "verify_host": fields.matching(_URL, "is no base URL; write e.g. https://check.aimx.email"),
    "enable_ipv6": fields.boolean,
    "signature": fields.text,
    "postmaster": fields.text,
    "max_connections": fields.integer(1, limits.CONNECTIONS_MAX),
    "max_connections_per_peer": fields.integer(1, limits.CONNECTIONS_MAX),
    "allow_private_mx": fields.boolean,
    "hook_memory_max": fields.matching(
        r"[1-9][0-9]{0,14}[KMGT]?|infinity", "is no memory size; write e.g. 256M, 1G or infinity"
    ),
    "hook_concurrency": fields.integer(0, limits.HOOK_CONCURRENCY_MAX),
    "hook_thread_budget": fields.integer(0, limits.HOOK_THREAD_BUDGET_MAX),
    "mailboxes": fields.table,
    "upgrade": fields.table,
}

UPGRADE: dict[str, Check] = {
    "release_manifest_url": fields.matching(
        rf"{_URL}|file:///\S+", "is no URL; write e.g. https://example.com/releases"
    ),
}

MAILBOX: dict[str, Check] = {
    "address": fields.text,
    "owner": fields.text,
    "trust": fields.text,
    "trusted_senders": fields.texts,
    "hooks": fields.tables,
    "allow_root_catchall": fields.boolean,
}

HOOK: dict[str, Check] = {
    "name": fields.text,
    "event": fields.text,
    "type": fields.text,
    "cmd": fields.texts,
    "fire_on_untrusted": fields.boolean,
    "timeout_secs": fields.whole,
    "skip_automated": fields.boolean,
}


def read(place: Place, table: dict[str, Any], schema: dict[str, Check]) -> dict[str, Any]:
    """The checked values of the keys that are present. Raises: ConfigInvalid for the first wrong one."""
    return {key: check(place.key(key), table[key]) for key, check in schema.items() if key in table}


def unknown(place: Place, table: dict[str, Any], schema: dict[str, Check]) -> list[str]:
    """Warnings about keys that nobody knows (U8).

    Raises: ConfigInvalid for one that looks like a slip of a known key: a mistyped setting must not be silence.
    """
    warnings = []
    for key in table:
        if key in schema:
            continue
        meant = suggest.nearest(key, schema)
        if meant is not None:
            raise place.key(key).refuse(f"unknown key {quoted(key)}; did you mean `{meant}`?")
        warnings.append(place.key(key).warn("unknown key, ignored"))
    return warnings
