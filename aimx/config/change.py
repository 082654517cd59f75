"""Edits of `[mailboxes.<name>]`, for `edit.transact`: each changes its own table and nothing else, or raises."""

import contextlib
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from aimx.errors import ConfigInvalid, MailboxNotFound, MailboxTaken, Refused
from aimx.model.address import folded

Edit = Callable[[tomlkit.TOMLDocument], None]


def add_mailbox(name: str, address: str, owner: str) -> Edit:
    """A new table at the end of the others. The edit raises MailboxTaken, ConfigInvalid."""

    def edit(document: tomlkit.TOMLDocument) -> None:
        wanted = _plain(document)
        mailboxes = wanted.setdefault("mailboxes", {})
        _refuse_taken(mailboxes, name, address)
        body = {"address": address, "owner": owner}
        mailboxes[name] = body
        with _by_hand():
            if "mailboxes" not in document:
                document["mailboxes"] = tomlkit.table(is_super_table=True)
            inline = isinstance(document["mailboxes"], InlineTable)
            table = tomlkit.inline_table() if inline else tomlkit.table()
            table.update(body)
            document["mailboxes"][name] = table
            _verify(document, wanted)

    return edit


def remove_mailbox(name: str, owner: str | None = None) -> Edit:
    """The table of a mailbox with its hooks goes. The edit raises MailboxNotFound, ConfigInvalid, Refused.

    `owner`: who has it in force; on disk it may have been given to somebody else.
    """

    def edit(document: tomlkit.TOMLDocument) -> None:
        wanted = _plain(document)
        if name not in wanted.get("mailboxes", {}):
            raise MailboxNotFound(f"mailbox-not-found: {name}")
        if owner is not None and wanted["mailboxes"][name].get("owner") != owner:
            raise Refused(
                f"config.toml was edited and not reloaded, and mailbox '{name}' changes hands there;"
                " run `systemctl reload aimx` first"
            )
        del wanted["mailboxes"][name]
        with _by_hand():
            del document["mailboxes"][name]
            _verify(document, wanted)

    return edit


def _refuse_taken(mailboxes: dict[str, Any], name: str, address: str) -> None:
    """On disk there may be more than is in force."""
    for other, body in mailboxes.items():
        served = body.get("address") if isinstance(body, dict) else None
        if folded(other) == folded(name) or (isinstance(served, str) and folded(served) == folded(address)):
            raise MailboxTaken(f"mailbox '{other}' already exists" if other == name else _served(other, address))


def _served(other: str, address: str) -> str:
    return f"{address} is the address of mailbox '{other}' already"


def _plain(document: tomlkit.TOMLDocument) -> dict[str, Any]:
    return tomllib.loads(tomlkit.dumps(document))


@contextlib.contextmanager
def _by_hand() -> Iterator[None]:
    """Tables may be written in ways that the library does not edit. Raises: ConfigInvalid."""
    try:
        yield
    except (TOMLKitError, ValueError, KeyError, TypeError) as error:
        raise ConfigInvalid("config.toml cannot be edited without touching other tables; edit it by hand") from error


def _verify(document: tomlkit.TOMLDocument, wanted: dict[str, Any]) -> None:
    """It may have edited something else: the result is read again. Raises: ValueError."""
    found = _plain(document)
    if not found.get("mailboxes") and not wanted.get("mailboxes"):
        found.pop("mailboxes", None)
        wanted.pop("mailboxes", None)
    if found != wanted:
        raise ValueError("another table was changed")
