"""Copies that an owner's directory refused: tried again, in order per mailbox, with the owners of today.

Never gives up on a copy and never removes one that was not delivered; 250 was said for it.
"""

import functools
import os
import re
import stat
import time
import tomllib
from typing import Any

import msgspec

from aimx import limits, log
from aimx.effects import files
from aimx.model.delivery import Mark
from aimx.model.event import Event
from aimx.store import ledger, staging
from aimx.store.commit import Committer
from aimx.store.intent import Staged
from aimx.store.ledger import Settled, SpoolRow
from aimx.store.publish import Draft

REMOVED = "the mailbox is no longer in the configuration"
Told = list[tuple[int, Event]]


class Spool:
    """Delivers from the spool. One thread at a time."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._tree = committer.tree
        self._state = committer.state

    def retry(self, owners: dict[str, str]) -> Told:
        """Try every waiting copy. `owners`: mailbox → owner, as configured now. Raises: StorageFailed, OSError."""
        events: Told = []
        for mailbox in self.mailboxes():
            after: int | None = 0
            while after is not None:
                after, told = self.step(mailbox, after, owners.get(mailbox))
                events += told
        return events

    def mailboxes(self) -> list[str]:
        """Those with copies that wait."""
        return self._state.run(ledger.mailboxes_waiting)

    def step(self, mailbox: str, after: int, owner: str | None) -> tuple[int | None, Told]:
        """Try the copy after this one. Returns: the copy that was tried, None at the end; events.

        `owner`: as configured now. Raises: StorageFailed, OSError.
        """
        row = self._next(mailbox, after)
        if row is None:
            return None, []
        told = self._deliver(row, owner)
        return (row.id, told) if told is not None else (None, [])  # later ones stay behind it

    def _next(self, mailbox: str, after: int) -> SpoolRow | None:
        return self._state.run(lambda db: ledger.waiting(db, mailbox, after))

    def _deliver(self, row: SpoolRow, owner: str | None) -> Told | None:
        """One copy; None: it still waits. Raises: OSError, StorageFailed."""
        if row.staged is None:
            log.error("spool-row-unreadable", mailbox=row.mailbox, entry=row.entry)
            return []
        if owner is None:
            self._still(row, row.staged, REMOVED)
            return None
        staged = msgspec.structs.replace(row.staged, owner=owner)
        if not files.exists(self._tree.spool, staged.entry):
            return self._after_crash(row, staged)
        if not staging.complete(self._tree.spool, staged) and not staged.bundle:
            staged = self._agree(row, staged)
        draft = Draft(staged, self._tree.spool, staged.stem)
        try:
            done = self._committer.publisher.publish(draft, lambda now: self._changed(row, now))
        finally:
            self._committer.publisher.release(draft)
        if isinstance(done, str):
            self._still(row, draft.staged, done)
            return None
        return self._settle(row, done)

    def _agree(self, row: SpoolRow, staged: Staged) -> Staged:
        """After a crash between a new number and its row: file and row say the same again."""
        litter = self._committer.publisher.litter
        agreed = staging.renumber(self._tree.spool, staged, staged.stem, self._tree.staging, litter)
        self._changed(row, agreed)
        return agreed

    def _changed(self, row: SpoolRow, staged: Staged) -> None:
        self._state.run(lambda db: ledger.spool_changed(db, row.id, staged, row.reason))

    def _still(self, row: SpoolRow, staged: Staged, reason: str) -> None:
        if reason != row.reason or staged.entry != row.entry:
            log.warning("still-spooled", mailbox=row.mailbox, reason=reason)
            self._state.run(lambda db: ledger.spool_changed(db, row.id, staged, reason))

    def _after_crash(self, row: SpoolRow, staged: Staged) -> Told:
        done = self._committer.publisher.published(staged)
        if done is not None:
            return self._settle(row, done)
        log.error("spool-entry-gone", mailbox=row.mailbox, entry=row.entry)
        self._state.run(lambda db: ledger.spool_left(db, row.id))
        return []

    def _settle(self, row: SpoolRow, done: Settled) -> Told:
        now = time.time()

        def work(db):  # type: ignore[no-untyped-def]
            ledger.spool_left(db, row.id)
            # Runs of one message are grouped by a number; intents use theirs, waiting copies the negative of their row.
            return ledger.settle_copy(db, done, now, -row.id, self._tree.path)

        events: Told = self._state.run(work)
        log.info("delivered-from-spool", mailbox=row.mailbox, id=done.stem, waited_s=round(now - row.since))
        self._committer.index.add([done])
        return events

    def adopt(self) -> None:
        """Give entries that no row knows (state.db was lost) a row again; their hooks are lost with it."""
        known = self._state.run(ledger.spool_entries)
        for entry in sorted(set(os.listdir(self._tree.spool)) - known):
            staged = self._describe(entry)
            if staged is None:
                log.error("spool-entry-unknown", entry=entry, note="left where it is; move it by hand")
                continue
            lost = Settled(staged, staged.stem, spooled="state.db was lost; hooks of this message will not run")
            self._state.run(
                functools.partial(ledger.settle_copy, copy=lost, at=time.time(), message=0, data_dir=self._tree.path)
            )
            log.warning("spool-entry-adopted", mailbox=staged.mailbox, id=staged.stem)

    def _describe(self, entry: str) -> Staged | None:
        """What the row must have said, from our own document: nobody else could write into the spool."""
        try:
            return _describe(self._tree.spool, entry)
        except (OSError, ValueError, KeyError, StopIteration):
            return None


def _describe(home: int, entry: str) -> Staged:
    folder, mailbox, stem = staging.told_by(entry)
    status = os.stat(entry, dir_fd=home, follow_symlinks=False)
    bundle = stat.S_ISDIR(status.st_mode)
    sizes = {f"{stem}.md": status.st_size}
    if not bundle:
        head = _head(files.read(home, entry, limits.HEADER_OCTETS))
    else:
        directory = files.open_directory(entry, home)
        try:
            sizes = {name: os.stat(name, dir_fd=directory).st_size for name in os.listdir(directory)}
            if f"{stem}.md" not in sizes:  # it had been given another number
                stem = next(name[:-3] for name in sorted(sizes) if re.fullmatch(rf"{re.escape(stem)}-\d+\.md", name))
            head = _head(files.read(directory, f"{stem}.md", limits.HEADER_OCTETS))
        finally:
            os.close(directory)
    rest = tuple((name, size) for name, size in sizes.items() if name != f"{stem}.md")
    return Staged(
        entry, status.st_ino, mailbox, folder, "", stem, bundle, ((f"{stem}.md", sizes[f"{stem}.md"]), *rest), (), (),
        {key: text for key, text in head.items() if isinstance(text, str)},
        Mark(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns),
    )  # fmt: skip


def _head(octets: bytes) -> dict[str, Any]:
    return tomllib.loads(octets.decode("utf-8", "replace").split("\n+++\n", 1)[0].removeprefix("+++\n"))
