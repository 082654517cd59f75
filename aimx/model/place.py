"""Mailboxes as directories: what lies in one, and one that no mailbox is configured for."""

from typing import NamedTuple


class Contents(NamedTuple):
    """Entries of `inbox/<name>` and `sent/<name>`, copies that wait in the spool included; `waiting` counts those."""

    inbox: int
    sent: int
    waiting: int = 0

    @property
    def total(self) -> int:
        """Of both."""
        return self.inbox + self.sent


class Stray(NamedTuple):
    """A directory below inbox/ without a mailbox. `owner` None: its uid has no name."""

    name: str
    uid: int
    owner: str | None
