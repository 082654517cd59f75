"""One copy on its way from a private directory to its owner's: published, spooled or withdrawn.

With mailbox.py and replace.py the only code that touches names below inbox/ and sent/, always by descriptor (S2).
"""

import contextlib
import errno
import os
from collections.abc import Callable

from aimx import limits
from aimx.effects import files
from aimx.model.delivery import Copy
from aimx.store import layout, staging
from aimx.store.browse import Place
from aimx.store.intent import Staged
from aimx.store.ledger import Settled
from aimx.store.mailbox import OWNER_MADE, Unwritable
from aimx.store.stamps import Turn
from aimx.store.stems import Stems
from aimx.store.tree import Tree

SQUATTED = "every name for this message is taken"


class Draft:
    """A copy in flight. `home`: the private directory it lies in. `directory`: its mailbox's, while held open.

    `base`: what its stem was made from.
    """

    def __init__(self, staged: Staged, home: int, base: str, directory: int | None = None, problem: str = "") -> None:
        self.staged = staged
        self.base = base
        self.home = home
        self.directory = directory
        self.problem = problem
        self.claimed: set[str] = set()

    def close(self) -> None:
        """Let go of the mailbox directory."""
        if self.directory is not None:
            os.close(self.directory)
            self.directory = None


class Publisher:
    """Carries drafts to their place. Thread-safe."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._stems = Stems()
        self.litter = staging.Litter()

    def stage(self, copy: Copy) -> Draft:
        """Write one copy into staging under a stem that is free. Raises: OSError, StorageFailed."""
        problem, directory, owner = "", None, None
        place = (copy.folder, copy.mailbox)
        try:
            directory, owner = self._tree.folders.open_for_writing(*place, copy.owner)
        except Unwritable as reason:
            problem = str(reason)
        try:
            stem = self._stems.claim(place, copy.stem, frozenset(file.name for file in copy.files), directory)
            if stem is None:
                problem, stem = SQUATTED, copy.stem
            try:
                staged = staging.write(self._tree.staging, copy, stem, self.litter)
            except BaseException:
                self._stems.release(place, stem)
                raise
        except BaseException:
            if directory is not None:
                os.close(directory)
            raise
        draft = Draft(staged, self._tree.staging, copy.stem, directory, problem)
        if problem != SQUATTED:
            draft.claimed.add(stem)
        if owner is not None and self._tree.accounts.as_root:
            try:
                staging.give(draft.home, staged, owner)
            except Unwritable as reason:
                draft.problem = str(reason)
            except BaseException:
                self.discard(draft)
                raise
        return draft

    def publish(self, draft: Draft, promise: Callable[[Staged], None]) -> Settled | str:
        """Rename the copy to its final name and sync its directory; or say why its owner prevents that.

        `promise` makes a changed name durable before it is used. Raises: OSError for our own failures.
        """
        done = self.move(draft, promise)
        if isinstance(done, Settled) and draft.directory is not None:
            self._tree.sync.sync(draft.directory)
        return done

    def move(self, draft: Draft, promise: Callable[[Staged], None]) -> Settled | str:
        """`publish` without its sync: the caller syncs `draft.directory` before it relies on the result."""
        if draft.problem:
            return draft.problem
        try:
            self._open(draft)
            return self._rename(draft, promise)
        except Unwritable as reason:
            return str(reason)

    def _open(self, draft: Draft) -> None:
        staged = draft.staged
        if draft.directory is None:
            directory, owner = self._tree.folders.open_for_writing(staged.folder, staged.mailbox, staged.owner)
            draft.directory = directory
            if self._tree.accounts.as_root:
                staging.give(draft.home, staged, owner)

    def _rename(self, draft: Draft, promise: Callable[[Staged], None]) -> Settled | str:
        directory = draft.directory
        assert directory is not None
        for _ in range(limits.SQUAT_ATTEMPTS):
            try:
                self._still_free(draft, directory)
                turn = self._move(draft, directory)
            except FileExistsError:
                if not self._renumber(draft, promise):
                    return SQUATTED
                continue
            except OSError as error:
                gone = error.errno == errno.ENOENT and files.exists(draft.home, draft.staged.entry)
                if gone or error.errno in OWNER_MADE:
                    return f"{draft.staged.folder}/{draft.staged.mailbox}: {os.strerror(error.errno or 0)}"
                raise
            return Settled(draft.staged, draft.staged.stem, owner_uid=turn.after.st_uid, changed=turn.times)
        return SQUATTED

    def _move(self, draft: Draft, directory: int) -> Turn:
        staged, stamps = draft.staged, self._tree.stamps
        place = Place(staged.folder, staged.mailbox)
        with stamps.turn(place, directory) as turn:
            files.rename_noreplace(draft.home, staged.entry, directory, staged.name)
        stamps.coming(place, *turn.times)
        return turn

    def _still_free(self, draft: Draft, directory: int) -> None:
        """A file and a bundle never share a stem: one of them could not be reached by it. Raises: FileExistsError."""
        staged = draft.staged
        if staged.stem not in draft.claimed:  # after a crash or from the spool
            if not self._stems.hold((staged.folder, staged.mailbox), staged.stem):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), staged.stem)
            draft.claimed.add(staged.stem)
        other = f"{staged.stem}.md" if staged.bundle else staged.stem
        if files.exists(directory, other):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), other)

    def _renumber(self, draft: Draft, promise: Callable[[Staged], None]) -> bool:
        """Another stem for a copy whose own was taken between look and rename."""
        before = draft.staged
        taken = frozenset(name for name, _ in before.sizes)
        stem = self._stems.claim((before.folder, before.mailbox), draft.base, taken, draft.directory)
        if stem is None:
            return False
        draft.claimed.add(stem)
        draft.staged = staging.renumber(draft.home, before, stem, self._tree.staging, self.litter)
        promise(draft.staged)
        staging.tidy(draft.home, draft.staged, before, self.litter)
        return True

    def to_spool(self, draft: Draft, reason: str) -> Settled:
        """Keep a copy that its owner's directory refuses. Raises: OSError."""
        staged = draft.staged
        if draft.home != self._tree.spool:
            files.rename_noreplace(draft.home, staged.entry, self._tree.spool, staged.entry)
            draft.home = self._tree.spool
            self._tree.sync.sync(self._tree.spool)
        return Settled(staged, staged.stem, spooled=reason)

    def withdraw(self, draft: Draft) -> list[str]:
        """After a failure of ours: nothing of the copy stays visible or staged. Returns: what went wrong."""
        problems: list[str] = []
        for action in (self._take_back, self.discard):
            try:
                action(draft)
            except (OSError, Unwritable) as error:
                problems.append(str(error))
        return problems

    def discard(self, draft: Draft) -> None:
        """Remove what lies in our own directories. Raises: OSError."""
        self.release(draft)
        for home in {self._tree.staging, draft.home}:
            self.litter.remove(home, draft.staged.entry)

    def _take_back(self, draft: Draft) -> None:
        staged, private = draft.staged, self._tree.staging
        if files.exists(draft.home, staged.entry):
            return
        if draft.directory is None:
            draft.directory, _ = self._tree.folders.open_for_writing(staged.folder, staged.mailbox, staged.owner)
        if files.inode(draft.directory, staged.name) != staged.inode:
            return
        # Into our own directory first: below the owner's a bundle could change while it is emptied.
        files.rename_noreplace(draft.directory, staged.name, private, staged.entry)
        if files.inode(private, staged.entry) != staged.inode:  # the owner was faster: it is his
            files.rename_noreplace(private, staged.entry, draft.directory, staged.name)
            return
        self._tree.sync.sync(draft.directory)

    def published(self, staged: Staged) -> Settled | None:
        """The copy under its final name, synced, when a crash came after the rename. Raises: OSError."""
        with contextlib.suppress(Unwritable):
            directory, owner = self._tree.folders.open_for_writing(staged.folder, staged.mailbox, staged.owner)
            try:
                if files.inode(directory, staged.name) == staged.inode:
                    self._tree.sync.sync(directory)
                    return Settled(staged, staged.stem, owner_uid=owner.uid)
            finally:
                os.close(directory)
        return None

    def release(self, draft: Draft) -> None:
        """The draft has arrived: its names and its descriptor are free."""
        while draft.claimed:
            self._stems.release((draft.staged.folder, draft.staged.mailbox), draft.claimed.pop())
        draft.close()


def path_of(tree: Tree, settled: Settled) -> str:
    """Where a published message file lies."""
    staged = settled.staged
    return layout.message_path(tree.path, staged.folder, staged.mailbox, settled.stem, staged.bundle)
