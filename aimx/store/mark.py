"""Mark a mail of the inbox as read or unread: two values of its frontmatter change, everything else stays (S3).

Nobody else's change is ever lost: what was changed meanwhile is read again. Never decides anything from what it reads.
"""

import os
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from aimx import limits
from aimx.effects.files import Rest
from aimx.errors import EmailNotFound, Refused, StorageFailed, UnreadableMail
from aimx.mime import frontmatter, frontmatter_edit
from aimx.model.delivery import Ref
from aimx.model.event import Read
from aimx.model.query import Box
from aimx.store import eventlog, layout, staging
from aimx.store.commit import Committer
from aimx.store.conclude import Told
from aimx.store.group import Steps, Work
from aimx.store.mailbox import Unreadable
from aimx.store.replace import CHANGED, Replacer, Version


class Marking(msgspec.Struct, frozen=True):
    """A changed version of a message file, written beside it. `turned`: it did not say so before."""

    ref: Ref
    version: Version
    read: bool
    turned: bool
    at: float


class Marker:
    """Changes `read` and `read_at`. Thread-safe."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._replacer = Replacer(committer.tree, committer.publisher.litter)

    def prepare(self, box: Box, email_id: str, read: bool, at: float) -> Marking | None:
        """Read the frontmatter and write a changed version beside it, which takes long for long mail.

        Returns: what `steps` puts in its place; None: the mail says just that already.
        Raises: EmailNotFound, UnreadableMail, StorageFailed.
        """
        path = layout.message_path(self._committer.tree.path, "inbox", box.name, email_id, bundle=False)
        try:
            fd, bundle = self._committer.folders.find_message("inbox", box.name, box.owner, email_id)
        except Unreadable as error:
            raise EmailNotFound(f"email '{email_id}' not found in inbox/{box.name}") from error
        except OSError as error:
            raise _failed("read", path, error) from error
        try:
            ref = Ref("inbox", box.name, box.owner, email_id, staging.mark(os.fstat(fd)), directory=bundle)
            path = self.path(ref)
            return self._prepared(fd, ref, read, at)
        except Refused as error:
            raise UnreadableMail(f"{error.reason} in {path}", error.detail) from error
        except OSError as error:
            raise _failed("write", path, error) from error
        finally:
            os.close(fd)

    def _prepared(self, fd: int, ref: Ref, read: bool, at: float) -> Marking | None:
        """Raises: Refused for what its owner wrote; OSError."""
        changed = _changed(fd, ref.mark.size, read, at)
        if changed is None:
            return None
        return Marking(ref, self._replacer.write(ref, changed.head, changed.rest), read, changed.turned, at)

    def drop(self, marking: Marking) -> None:
        """It came to nothing."""
        self._replacer.drop(marking.version)

    def path(self, ref: Ref) -> str:
        """Where a message file lies, to be told."""
        return layout.message_path(self._committer.tree.path, ref.folder, ref.mailbox, ref.id, ref.bundle)

    def steps(self, marking: Marking) -> Steps[Told | None]:
        """Put it in the place of the file. Returns: the events to tell; None: the file is another one by now.

        Raises: StorageFailed.
        """
        ref = marking.ref
        try:
            mark = yield from self._replacer.place(ref, marking.version)
        except OSError as error:
            raise _failed("write", self.path(ref), error) from error
        if mark == CHANGED:
            return None
        if isinstance(mark, str):
            raise StorageFailed(f"failed to write {self.path(ref)}: {mark}")
        self._committer.index.marked(ref, mark, marking.read)
        told: Told = []
        if marking.turned:
            account = self._committer.tree.accounts.identity(ref.owner)
            uid = account.uid if account is not None else None
            event = Read(at=marking.at, mailbox=ref.mailbox, owner_uid=uid, id=ref.id, read=marking.read)
            told.append((yield Work(lambda db: eventlog.append(db, event))))
        self._committer.publisher.litter.sweep()
        return told


def _failed(what: str, path: str, error: OSError) -> StorageFailed:
    return StorageFailed(f"failed to {what} {path}: {os.strerror(error.errno or 0)}", detail=str(error))


class _Changed(NamedTuple):
    """A new beginning of the file, and what follows it as it is."""

    head: bytes
    rest: Rest
    turned: bool


def _changed(fd: int, size: int, read: bool, at: float) -> _Changed | None:
    """Raises: Refused for what its owner wrote; OSError."""
    if size > limits.MARK_OCTETS:
        raise Refused(f"more than {limits.MARK_OCTETS} octets")
    octets, start, end = _head(fd, size)
    try:
        block = octets[start:end].decode()
    except UnicodeDecodeError as error:
        raise Refused("the frontmatter is not UTF-8", str(error)) from error
    eol = "\r\n" if octets[:start].endswith(b"\r\n") else "\n"
    changes: dict[str, frontmatter.Value | None] = {"read": read, "read_at": None}
    if read:
        changes["read_at"] = datetime.fromtimestamp(int(at), UTC)
    text, before = frontmatter_edit.edited(block, changes, eol)
    if text == block:
        return None
    turned = (before.get("read") is True) != read
    return _Changed(octets[:start] + text.encode(), Rest(fd, end, size - end), turned)


def _head(fd: int, size: int) -> tuple[bytes, int, int]:
    """The beginning of the file, and where in it the frontmatter lies. Raises: Refused; OSError."""
    for most in (limits.MARK_HEAD_OCTETS, limits.FRONTMATTER_OCTETS):
        octets = b"".join(Rest(fd, 0, min(size, most)).pieces())
        found = frontmatter.span(octets)
        if found is not None and (octets.find(b"\n", found[1]) >= 0 or size <= most):
            return octets, *found
    raise Refused("malformed frontmatter")
