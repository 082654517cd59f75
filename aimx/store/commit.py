"""Commit a message: stage and sync, promise, publish, sync directories, settle (R3).

Runs in one thread per message. When it returns, every copy is on disk under its final name or in the spool, and
synced; when it raises, nothing of the message is left anywhere.
"""

import os
import threading
import time
from pathlib import PurePath

from aimx import limits, log
from aimx.effects import files
from aimx.effects.accounts import Accounts
from aimx.errors import StorageFailed
from aimx.model.delivery import CommitPlan, Copy, Duplicate, InSpool, Outcome, Placed
from aimx.model.event import Event
from aimx.store import document, layout, ledger
from aimx.store.intent import Intent, Staged
from aimx.store.ledger import Settled
from aimx.store.mailbox import OWNER_MADE, Folders, Unwritable
from aimx.store.state import State


class Committed:
    """What a commit did: an outcome per copy of the plan, and the events to tell."""

    def __init__(self, outcomes: tuple[Outcome, ...], events: list[tuple[int, Event]]) -> None:
        self.outcomes = outcomes
        self.events = events


class Committer:
    """The only code that carries out a CommitPlan. Thread-safe."""

    def __init__(self, data_dir: PurePath, private: int, accounts: Accounts, state: State) -> None:
        self.data_dir = data_dir
        self.state = state
        self.folders = Folders(files.open_directory(str(data_dir)), accounts)
        self._staging = files.ensure_directory("staging", 0o700, private)
        self._spool = files.ensure_directory("spool", 0o700, private)
        self._sync = files.DirectorySync()
        self._names = threading.Lock()
        self._reserved: set[tuple[str, str, str]] = set()
        self._unique = 0

    def commit(self, plan: CommitPlan) -> Committed:
        """Store every copy. Raises: StorageFailed, with nothing left behind."""
        repeats = self._repeats(plan)
        copies = [copy for copy in plan.copies if copy.mailbox not in repeats]
        staged: list[Staged] = []
        try:
            settled, events = self._store(copies, staged, plan)
        except OSError as error:
            raise StorageFailed("storage failed", detail=f"commit: {error}") from error
        finally:
            self._release(staged)
        by_mailbox = {copy.staged.mailbox: self._outcome(copy) for copy in settled}
        outcomes = tuple(
            by_mailbox[copy.mailbox] if copy.mailbox in by_mailbox else Duplicate(copy.mailbox) for copy in plan.copies
        )
        return Committed(outcomes, events)

    def _outcome(self, copy: Settled) -> Outcome:
        staged = copy.staged
        if copy.spooled is not None:
            return InSpool(staged.mailbox, copy.spooled)
        path = layout.message_path(self.data_dir, staged.folder, staged.mailbox, copy.stem, staged.bundle)
        return Placed(staged.mailbox, copy.stem, str(path))

    def _repeats(self, plan: CommitPlan) -> set[str]:
        key = plan.repeat_key
        if key is None:
            return set()
        names = [copy.mailbox for copy in plan.copies]
        now = plan.received_at
        return self.state.run(lambda db: {name for name in names if ledger.is_repeat(db, key, name, now)})

    def _store(
        self, copies: list[Copy], staged: list[Staged], plan: CommitPlan
    ) -> tuple[tuple[Settled, ...], list[tuple[int, Event]]]:
        intent_id: int | None = None
        settled: list[Settled] = []
        try:
            for copy in copies:
                staged.append(self._stage(copy))
            self._sync.sync(self._staging)
            promise = Intent(tuple(staged), plan.received_at, plan.repeat_key)
            intent_id = promised = self.state.run(lambda db: ledger.promise(db, promise))
            for item in staged:
                settled.append(self._publish(item))
            final = tuple(settled)
            events = self.state.run(lambda db: ledger.settle(db, promised, promise, final, self.data_dir))
            return final, events
        except BaseException:
            self._undo(staged, intent_id)
            raise

    # Staging

    def _stage(self, copy: Copy) -> Staged:
        stem = self._reserve(copy)
        entry = self._entry()
        octets = document.with_id(copy.document, stem)
        try:
            inode = self._write_staged(copy, entry, stem, octets)
        except BaseException:
            files.remove(self._staging, entry)
            self._unreserve(copy.folder, copy.mailbox, stem)
            raise
        sizes = ((f"{stem}.md", len(octets)), *((file.name, len(file.octets)) for file in copy.files))
        return Staged(
            entry, inode, copy.mailbox, copy.folder, copy.owner, stem, copy.bundle, sizes, copy.jobs, copy.skips,
            copy.summary,
        )  # fmt: skip

    def _write_staged(self, copy: Copy, entry: str, stem: str, octets: bytes) -> int:
        if not copy.bundle:
            return files.write_new(self._staging, entry, octets, 0o644)
        os.mkdir(entry, 0o700, dir_fd=self._staging)
        directory = files.open_directory(entry, self._staging)
        try:
            files.write_new(directory, f"{stem}.md", octets, 0o644)
            for file in copy.files:
                files.write_new(directory, file.name, file.octets, 0o644)
            account = self.folders.accounts.find(copy.owner)
            if account is not None and self.folders.accounts.as_root:
                os.fchown(directory, account.uid, account.gid)
            os.fsync(directory)
            return os.fstat(directory).st_ino
        finally:
            os.close(directory)

    def _entry(self) -> str:
        with self._names:
            self._unique += 1
            return f"{os.getpid()}-{time.time_ns()}-{self._unique}"

    def _reserve(self, copy: Copy) -> str:
        """A stem that neither a file, a bundle nor a commit in flight uses."""
        try:
            directory = self.folders.open_for_writing(copy.folder, copy.mailbox, copy.owner)
        except Unwritable:
            directory = -1
        try:
            for attempt in range(1, limits.NAME_ATTEMPTS + 1):
                stem = layout.numbered(copy.stem, attempt)
                if self._claim(copy.folder, copy.mailbox, stem):
                    if directory < 0 or not (files.exists(directory, f"{stem}.md") or files.exists(directory, stem)):
                        return stem
                    self._unreserve(copy.folder, copy.mailbox, stem)
            raise StorageFailed("no free name", detail=f"{copy.mailbox}: {copy.stem}")
        finally:
            if directory >= 0:
                os.close(directory)

    def _claim(self, folder: str, mailbox: str, stem: str) -> bool:
        key = (folder, mailbox, stem)
        with self._names:
            if key in self._reserved:
                return False
            self._reserved.add(key)
            return True

    def _unreserve(self, folder: str, mailbox: str, stem: str) -> None:
        with self._names:
            self._reserved.discard((folder, mailbox, stem))

    def _release(self, staged: list[Staged]) -> None:
        for item in staged:
            self._unreserve(item.folder, item.mailbox, item.stem)

    # Publishing

    def _publish(self, item: Staged) -> Settled:
        """Rename one copy to its final name and sync; what its owner prevents goes to the spool."""
        try:
            directory = self.folders.open_for_writing(item.folder, item.mailbox, item.owner)
        except Unwritable as problem:
            return self._to_spool(item, str(problem))
        try:
            files.rename_noreplace(self._staging, item.entry, directory, item.name)
            self._sync.sync(directory)
            return Settled(item, item.stem, owner_uid=os.fstat(directory).st_uid)
        except OSError as error:
            if error.errno not in OWNER_MADE:
                raise
            return self._to_spool(item, f"{item.folder}/{item.mailbox}: {error.strerror}")
        finally:
            os.close(directory)

    def _to_spool(self, item: Staged, reason: str) -> Settled:
        files.rename_noreplace(self._staging, item.entry, self._spool, item.entry)
        self._sync.sync(self._spool)
        log.warning("spooled", mailbox=item.mailbox, reason=reason)
        return Settled(item, item.stem, spooled=reason)

    # Failure and recovery

    def _undo(self, staged: list[Staged], intent_id: int | None) -> None:
        """Best effort after a failure of ours: no copy visible, no intent, nothing staged."""
        for item in staged:
            for problem in self._unpublish(item):
                log.error("undo-failed", mailbox=item.mailbox, why=problem)
        if intent_id is not None:
            try:
                self.state.run(lambda db: ledger.forget(db, intent_id))
            except StorageFailed as error:
                log.error("undo-failed", why=error.detail)

    def _unpublish(self, item: Staged) -> list[str]:
        problems: list[str] = []
        for directory in (self._staging, self._spool):
            try:
                files.remove(directory, item.entry)
            except OSError as error:
                problems.append(str(error))
        try:
            self._remove_published(item)
        except OSError as error:
            problems.append(str(error))
        return problems

    def _remove_published(self, item: Staged) -> None:
        try:
            directory = self.folders.open_for_writing(item.folder, item.mailbox, item.owner)
        except Unwritable:
            return
        try:
            if files.inode(directory, item.name) == item.inode:
                # Back into our own directory first: below the owner's a bundle could change while it is emptied.
                files.rename_noreplace(directory, item.name, self._staging, item.entry)
                files.remove(self._staging, item.entry)
        finally:
            os.close(directory)

    def recover(self) -> list[tuple[int, Event]]:
        """Roll every intent of a crashed process forward, or drop it when its staged files are incomplete."""
        events: list[tuple[int, Event]] = []
        for intent_id, plan in self.state.run(ledger.pending):
            events += self._roll_forward(intent_id, plan)
        for entry in os.listdir(self._staging):
            files.remove(self._staging, entry)
        return events

    def _roll_forward(self, intent_id: int, plan: Intent) -> list[tuple[int, Event]]:
        settled = [done for done in map(self._resume, plan.copies) if done is not None]
        if len(settled) < len(plan.copies):
            log.warning("intent-dropped", copies=len(plan.copies), found=len(settled))

        final = tuple(settled)
        names = tuple(copy.staged.mailbox for copy in final)

        def work(db):  # type: ignore[no-untyped-def]
            if plan.repeat_key is not None:
                ledger.note_unseen(db, plan.repeat_key, names, plan.received_at)
            return ledger.settle(db, intent_id, plan, final, self.data_dir)

        log.info("intent-recovered", copies=len(final))
        return self.state.run(work)

    def _resume(self, item: Staged) -> Settled | None:
        if files.exists(self._staging, item.entry):
            return self._publish(item)
        if files.exists(self._spool, item.entry):
            return Settled(item, item.stem, spooled="interrupted")
        try:
            directory = self.folders.open_for_writing(item.folder, item.mailbox, item.owner)
        except Unwritable:
            return None
        try:
            if files.inode(directory, item.name) == item.inode:
                self._sync.sync(directory)
                return Settled(item, item.stem, owner_uid=os.fstat(directory).st_uid)
            return None
        finally:
            os.close(directory)
