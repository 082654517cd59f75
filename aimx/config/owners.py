"""Which owners do not resolve? A warning, never an error: mail is kept, hooks are skipped (U6).

The look-up is an argument: reading a configuration asks no account database.
"""

from collections.abc import Callable

from aimx.model.config import Config


def unresolved(config: Config, find: Callable[[str], object | None]) -> tuple[str, ...]:
    """One warning per mailbox whose owner `find` does not know."""
    known = {owner: find(owner) is not None for owner in {mailbox.owner for mailbox in config.mailboxes.values()}}
    return tuple(
        f"mailboxes.{mailbox.name}.owner: mailbox '{mailbox.name}' owner '{mailbox.owner}' does not resolve via"
        " getpwnam; its mail waits in the spool and its hooks are skipped — create the user or update config.toml"
        for mailbox in config.mailboxes.values()
        if not known[mailbox.owner]
    )
