"""Mark a mail of the inbox as read or unread: two values of its frontmatter change, everything else stays (S3).

Nobody else's change is ever lost: what was changed meanwhile is read again. Never decides anything from what it reads.
"""

import os
from datetime import UTC, datetime

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
from aimx.store.replace import CHANGED, Replacer


class Marking(msgspec.Struct, frozen=True):
    """A new beginning for a message file, whose `rest` is copied from the open one. `turned`: it was not so before."""

    ref: Ref
    head: bytes
    rest: Rest
    read: bool
    turned: bool
    at: float

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.rest.fd)


class Marker:
    """Changes `read` and `read_at`. Thread-safe."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._replacer = Replacer(committer.tree, committer.publisher.litter)

    def look(self, box: Box, email_id: str, read: bool, at: float) -> Marking | None:
        """Read the frontmatter and change it; None: it says just that already. The caller closes what it gets.

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
            marking = _changed(fd, ref, read, at)
        except Refused as error:
            os.close(fd)
            raise UnreadableMail(f"{error.reason} in {self.path(ref)}", error.detail) from error
        except OSError as error:
            os.close(fd)
            raise _failed("read", path, error) from error
        if marking is None:
            os.close(fd)
        return marking

    def path(self, ref: Ref) -> str:
        """Where a message file lies, to be told."""
        return layout.message_path(self._committer.tree.path, ref.folder, ref.mailbox, ref.id, ref.bundle)

    def steps(self, marking: Marking) -> Steps[Told | None]:
        """Put it in the place of the file. Returns: the events to tell; None: the file is another one by now.

        Raises: StorageFailed.
        """
        ref = marking.ref
        try:
            mark = yield from self._replacer.replace(ref, marking.head, marking.rest)
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


def _changed(fd: int, ref: Ref, read: bool, at: float) -> Marking | None:
    """Raises: Refused for what its owner wrote; OSError."""
    if ref.mark.size > limits.MARK_OCTETS:
        raise Refused(f"more than {limits.MARK_OCTETS} octets")
    octets, start, end = _head(fd, ref.mark.size)
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
    rest = Rest(fd, end, ref.mark.size - end)
    return Marking(ref, octets[:start] + text.encode(), rest, read, (before.get("read") is True) != read, at)


def _head(fd: int, size: int) -> tuple[bytes, int, int]:
    """The beginning of the file, and where in it the frontmatter lies. Raises: Refused; OSError."""
    for most in (limits.MARK_HEAD_OCTETS, limits.FRONTMATTER_OCTETS):
        octets = b"".join(Rest(fd, 0, min(size, most)).pieces())
        found = frontmatter.span(octets)
        if found is not None and (octets.find(b"\n", found[1]) >= 0 or size <= most):
            return octets, *found
    raise Refused("malformed frontmatter")
