"""What a configuration has that the one before had not, and the other way round, as events. Never reads a file."""

from collections.abc import Callable, Iterator

from aimx.model.config import Config, Hook, Mailbox
from aimx.model.event import Event, HookCreated, HookDeleted, MailboxCreated, MailboxDeleted
from aimx.model.hook import Origin, Written


def events(
    before: Config, after: Config, at: float, uid: Callable[[str], int | None], origin: Callable[[Written], Origin]
) -> Iterator[Event]:
    """What was taken away, then what was added. `uid` is asked for owners, `origin` for hooks that are new.

    A mailbox that has another owner is gone for the one and new for the other; a hook that was changed is another hook.
    """
    for name, mailbox in before.mailboxes.items():
        now = after.mailboxes.get(name)
        if now is None or now.owner != mailbox.owner:
            yield MailboxDeleted(at=at, mailbox=name, owner_uid=uid(mailbox.owner))
            continue
        for hook in _missing(mailbox, now):
            yield HookDeleted(at=at, mailbox=name, owner_uid=uid(mailbox.owner), hook=hook.name)
    for name, mailbox in after.mailboxes.items():
        old = before.mailboxes.get(name)
        if old is None or old.owner != mailbox.owner:
            old = None
            yield MailboxCreated(at=at, mailbox=name, owner_uid=uid(mailbox.owner), address=mailbox.address)
        for hook in mailbox.hooks if old is None else _missing(mailbox, old):
            yield HookCreated(
                at=at, mailbox=name, owner_uid=uid(mailbox.owner), hook=hook.name, event=hook.event,
                origin=origin(Written(name, hook.name, hook.event, hook.cmd)),
            )  # fmt: skip


def _missing(mailbox: Mailbox, other: Mailbox) -> Iterator[Hook]:
    return (hook for hook in mailbox.hooks if hook not in other.hooks)
