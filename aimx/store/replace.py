"""Replace or remove a message that we published: built and synced in staging, exchanged through descriptors (S2).

The owner of the directory may have put anything under that name meanwhile, or may do so now. What is not the very file
that we mean stays as it is; what a race brings out is given back. Never follows a link, never changes an owner.
"""

import errno
import os
import stat
from typing import NamedTuple

from aimx import limits, log
from aimx.effects import files, linux
from aimx.model.delivery import Mark, Ref
from aimx.store import staging
from aimx.store.browse import Place
from aimx.store.group import Steps, Sync
from aimx.store.mailbox import OWNER_MADE, Unwritable
from aimx.store.staging import Litter
from aimx.store.tree import Tree

CHANGED = "its owner moved, changed or removed it"
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Version(NamedTuple):
    """Another version of a message file in staging."""

    entry: str
    mark: Mark


class Replacer:
    """Changes published messages. Thread-safe; of two that change the same one, the later finds it changed."""

    def __init__(self, tree: Tree, litter: Litter) -> None:
        self._tree = tree
        self._litter = litter

    def replace(self, ref: Ref, head: bytes, body: bytes | files.Rest = b"") -> Steps[Mark | str]:
        """Put another version in the place of the message file.

        Returns: what the new file looks like, synced; or why the name was left as it is.
        Raises: OSError for our own failures; the file is then either version.
        """
        problem = self.unchanged(ref)
        if problem:
            return problem
        return (yield from self.place(ref, self.write(ref, head, body)))

    def unchanged(self, ref: Ref) -> str:
        """Why the message file cannot be replaced; empty when it is the one that is meant. Raises: OSError."""
        try:
            home = self._open(ref)
        except Unwritable as reason:
            return str(reason)
        try:
            return "" if _mark(home, ref.file) == ref.mark else CHANGED
        finally:
            os.close(home)

    def write(self, ref: Ref, head: bytes, body: bytes | files.Rest = b"") -> Version:
        """Another version, written and synced where nobody sees it; `place` or `drop` follows. Raises: OSError."""
        entry = staging.entry_name(ref.folder, ref.mailbox, ref.id)
        try:
            return Version(entry, staging.mark(files.write_new(self._tree.staging, entry, head, 0o644, body)))
        except BaseException:
            self._litter.remove(self._tree.staging, entry)
            raise

    def place(self, ref: Ref, version: Version) -> Steps[Mark | str]:
        """Put a version that was written in the place of the message file. Returns and raises as `replace`."""
        try:
            home = self._open(ref)
        except Unwritable as reason:
            self.drop(version)
            return str(reason)
        except BaseException:
            self.drop(version)
            raise
        try:
            if _mark(home, ref.file) != ref.mark:  # what is seen now need not be undone
                return CHANGED
            problem = self._exchange(ref, home, version)
            if problem:
                return problem
            yield Sync(home)
            if _mark(self._tree.staging, version.entry) != ref.mark:  # an editor that had it open went on writing
                self._undo(ref, home, version)
                yield Sync(home)
                return CHANGED
            return version.mark
        finally:
            self.drop(version)
            os.close(home)

    def drop(self, version: Version) -> None:
        """What was written, or what it took the place of, is of no more use."""
        self._litter.remove(self._tree.staging, version.entry)

    def remove(self, ref: Ref) -> Steps[str]:
        """Take a message away, a bundle whole, if nothing was added to it.

        Returns: why it was left as it is; empty when it is gone, and synced. Raises: OSError for our own failures.
        """
        try:
            directory, _ = self._tree.folders.open_for_writing(ref.folder, ref.mailbox, ref.owner)
        except Unwritable as reason:
            return str(reason)
        try:
            if not _is(directory, ref.entry, ref):
                return CHANGED
            entry = staging.entry_name(ref.folder, ref.mailbox, ref.id)
            try:
                problem = self._take(ref, directory, entry)
                if problem:
                    return problem
                yield Sync(directory)
            finally:
                self._litter.remove(self._tree.staging, entry)
            return ""
        finally:
            os.close(directory)

    def _open(self, ref: Ref) -> int:
        """The directory in which the message file lies. Raises: Unwritable; OSError."""
        directory, _ = self._tree.folders.open_for_writing(ref.folder, ref.mailbox, ref.owner)
        if not ref.bundle:
            return directory
        try:
            device = os.fstat(directory).st_dev
            bundle = linux.open_beneath(directory, ref.id, files.DIRECTORY)
        except OSError as error:
            raise Unwritable(_owners(error)) from error
        finally:
            os.close(directory)
        if os.fstat(bundle).st_dev != device:
            os.close(bundle)
            raise Unwritable(CHANGED)
        return bundle

    def _exchange(self, ref: Ref, home: int, version: Version) -> str:
        """Both names swap what they name, so that nothing is ever overwritten. Returns: why it was undone."""
        private, entry = self._tree.staging, version.entry
        place, stamps = Place(ref.folder, ref.mailbox), self._tree.stamps
        try:
            with stamps.turn(place, home) as turn:
                files.rename_exchange(private, entry, home, ref.file)
        except OSError as error:
            return _owners(error)
        if _mark(private, entry) == ref.mark:
            if not ref.bundle:
                stamps.changed(place, *turn.times)
            return ""
        self._undo(ref, home, version)
        return CHANGED

    def _undo(self, ref: Ref, home: int, version: Version) -> None:
        private, entry = self._tree.staging, version.entry
        try:
            files.rename_exchange(private, entry, home, ref.file)
        except FileNotFoundError:  # somebody took ours away at once
            self._give_back(entry, home, ref.file)
            return
        if _mark(private, entry) != version.mark:  # and put something else there
            self._give_back(entry, home, ref.file)

    def _take(self, ref: Ref, directory: int, entry: str) -> str:
        private = self._tree.staging
        place, stamps = Place(ref.folder, ref.mailbox), self._tree.stamps
        try:
            with stamps.turn(place, directory) as turn:
                files.rename_noreplace(directory, ref.entry, private, entry)
        except OSError as error:
            return _owners(error)
        if _is(private, entry, ref):
            stamps.changed(place, *turn.times)
            return ""
        self._give_back(entry, directory, ref.entry)
        return CHANGED

    def _give_back(self, entry: str, home: int, name: str) -> None:
        """What came out belongs to somebody else: under its name again, or beside it when that is taken."""
        why = ""
        for attempt in range(1, limits.SQUAT_ATTEMPTS + 1):
            try:
                files.rename_noreplace(self._tree.staging, entry, home, name if attempt == 1 else f"{name}.{attempt}")
                return
            except OSError as error:
                why = str(error)
        log.error("not-given-back", name=name, why=why, note="its owner was replacing it over and over")


def _owners(error: OSError) -> str:
    """What an owner can cause, in words. Raises: the error when it is ours."""
    if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
        return CHANGED
    if error.errno in OWNER_MADE:
        return os.strerror(error.errno)
    raise error


def _mark(directory: int, name: str) -> Mark | None:
    """What lies under a name, links not followed, a mounted file system not asked; None: no regular file."""
    try:
        fd = linux.open_beneath(directory, name, _LOOK)
    except OSError as error:
        _owners(error)
        return None
    try:
        status = os.fstat(fd)
    finally:
        os.close(fd)
    return staging.mark(status) if stat.S_ISREG(status.st_mode) else None


def _is(directory: int, name: str, ref: Ref) -> bool:
    """Whether a name is the message that is meant, whole and with nothing added."""
    if not ref.bundle:
        return _mark(directory, name) == ref.mark
    try:
        bundle = linux.open_beneath(directory, name, files.DIRECTORY)
    except OSError as error:
        _owners(error)
        return False
    try:
        if _mark(bundle, ref.file) != ref.mark:
            return False
        ours = {ref.file, *ref.files}
        with os.scandir(bundle) as entries:  # ends at the first that is not ours: there may be millions
            return all(entry.name in ours for entry in entries)
    finally:
        os.close(bundle)
