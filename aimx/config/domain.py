"""Edits of config.toml for `edit.transact`: another domain; every address at the old one goes with it."""

import tomllib
from collections.abc import Callable
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aimx.errors import ConfigInvalid
from aimx.model.address import folded
from aimx.model.config import Config

_BY_HAND = "config.toml cannot be edited without touching other tables; edit it by hand"
Edit = Callable[[tomlkit.TOMLDocument], None]


def moved(old: str, new: str) -> Edit:
    """The domain and the addresses of mailboxes; nothing else changes. The edit raises ConfigInvalid."""

    def edit(document: tomlkit.TOMLDocument) -> None:
        wanted = tomllib.loads(tomlkit.dumps(document))
        _move(wanted, old, new)
        try:
            _move(document, old, new)
            found = tomllib.loads(tomlkit.dumps(document))
        except (TOMLKitError, ValueError, KeyError, TypeError) as error:
            raise ConfigInvalid(
                "config.toml cannot be edited without touching other tables; edit it by hand"
            ) from error
        if found != wanted:
            raise ConfigInvalid(_BY_HAND)

    return edit


def _move(document: Any, old: str, new: str) -> None:
    if folded(document["domain"]) == folded(old):
        document["domain"] = new
    for body in document.get("mailboxes", {}).values():
        address = str(body["address"])
        local, _, domain = address.rpartition("@")
        if local and folded(domain) == folded(old):
            body["address"] = f"{local}@{new}"


def trusted_at(config: Config, domain: str) -> tuple[str, ...]:
    """Trusted senders at a domain, of any mailbox: who they are does not change with ours."""
    lists = (config.trusted_senders, *(box.trusted_senders for box in config.mailboxes.values()))
    entries = dict.fromkeys(entry for entries in lists for entry in entries)
    return tuple(entry for entry in entries if folded(entry.rpartition("@")[2]) == folded(domain))
