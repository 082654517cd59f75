"""Seam: a commit plan and its outcome. The plan is a value; store.commit is the only code that carries it out."""

from typing import Literal

import msgspec

from aimx.model.hook import Thread
from aimx.model.outbound import Claim, FirstAnswer, SendStatus

Folder = Literal["inbox", "sent"]


class File(msgspec.Struct, frozen=True, array_like=True):
    """One file of a copy. `name` is empty for the message file, whose name follows from the stem."""

    name: str
    octets: bytes


class HookJob(msgspec.Struct, frozen=True, array_like=True):
    """A hook run promised together with a copy. `env` holds the values that come from the mail.

    `conversation` is what the budget counts over (U5), unless the mail belongs to one that is known; empty: nothing.
    """

    hook: str
    mailbox: str
    event: Literal["on_receive", "after_send"]
    env: dict[str, str]
    conversation: str


class Skip(msgspec.Struct, frozen=True, array_like=True):
    """A hook that will not run for this copy, with the reason that is recorded."""

    hook: str
    reason: str


class Copy(msgspec.Struct, frozen=True):
    """One mailbox's copy. `document` and then `body` are the message file; bundles hold further `files`.

    The stem may get a suffix at commit (`-2`, `-3`, …); the document's `id` follows.
    `owner` is the configured account name; `headers` what events and index rows show.
    """

    mailbox: str
    folder: Folder
    owner: str
    stem: str
    document: bytes
    files: tuple[File, ...] = ()
    jobs: tuple[HookJob, ...] = ()
    skips: tuple[Skip, ...] = ()
    summary: dict[str, str] = {}
    body: bytes = b""
    thread: Thread = Thread()

    @property
    def bundle(self) -> bool:
        """Whether the copy is a directory."""
        return bool(self.files)


class CommitPlan(msgspec.Struct, frozen=True):
    """Every copy of one message.

    `repeat_key` identifies (octets, reverse-path, peer) for R5; None never de-duplicates (`aimx ingest`).
    `may_spool`: whether a copy that its owner's directory refuses may wait in the spool; otherwise nothing is stored.
    `claim` is recorded in the transaction that makes the copies true.
    """

    copies: tuple[Copy, ...]
    received_at: float
    repeat_key: bytes | None = None
    may_spool: bool = True
    claim: Claim | None = None


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What a message file looked like when it was written; what looks different is another file."""

    dev: int
    ino: int
    size: int
    mtime_ns: int


class Ref(msgspec.Struct, frozen=True):
    """A message on disk, as it was when it was written or read. `files`: names of its attachments.

    `directory`: it is a bundle also without any.
    """

    folder: Folder
    mailbox: str
    owner: str
    id: str
    mark: Mark
    files: tuple[str, ...] = ()
    directory: bool = False

    @property
    def bundle(self) -> bool:
        """Whether it is a directory."""
        return self.directory or bool(self.files)

    @property
    def file(self) -> str:
        """The name of the message file, in the mailbox or in the bundle."""
        return f"{self.id}.md"

    @property
    def entry(self) -> str:
        """What the mailbox directory holds of it."""
        return self.id if self.bundle else self.file


class Placed(msgspec.Struct, frozen=True):
    """A copy is on disk under its final name, synced. `path` is that of the message file."""

    mailbox: str
    id: str
    path: str
    ref: Ref


class InSpool(msgspec.Struct, frozen=True):
    """A copy waits in the spool because its owner's directory refused it."""

    mailbox: str
    reason: str


class Duplicate(msgspec.Struct, frozen=True):
    """This copy is the repeat of one whose 250 the peer may not have seen (R5)."""

    mailbox: str


class Conclusion(msgspec.Struct, frozen=True):
    """What becomes of a pending sent record: replaced by `document` and `body`, or removed when there is no document.

    `placed` says where it lies. `jobs` are recorded with it and held until they are released, which is after the
    caller has its answer (O5). `status` and `summary` are what the event and the index tell. `answer`: what the
    `claim` is answered with from now on; None: nothing has left, so the key is free again.
    """

    placed: Placed
    document: bytes | None
    body: bytes
    jobs: tuple[HookJob, ...]
    at: float
    status: SendStatus
    summary: dict[str, str] = {}
    claim: Claim | None = None
    answer: FirstAnswer | None = None


Outcome = Placed | InSpool | Duplicate
