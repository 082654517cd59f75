"""What flows may ask of the world: small Protocols and the bundle that a shell hands to every flow."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

import msgspec
import trio

from aimx import limits
from aimx.effects.accounts import Accounts, Identity
from aimx.effects.keeping import Outputs
from aimx.effects.memory import MemoryBudget, Shares
from aimx.effects.payload import Payload
from aimx.effects.runs import Runs
from aimx.effects.turns import Turns
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.model.delivery import CommitPlan, Conclusion, Folder, Outcome
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from aimx.model.event import Event, MailboxDeleted
from aimx.model.hook import Origin, Within, Written
from aimx.model.job import Ended, Execution, Exited, JobSpec, NeedDns, SpawnFailed
from aimx.model.message import Examined
from aimx.model.outbound import Claim, Composed, ComposeOrder, FirstAnswer
from aimx.model.place import Contents, Stray
from aimx.model.query import Box, Chunk, Counts, FileOf, Found, Page, Piece, Progress, Query, Row
from aimx.model.status import Backlog, Use, Vitals

Edit = Callable[[Any], str | None]  # of a TOML document, in place, or the text that it is to become (config.edit)


class WorkerLost(Exception):
    """The worker died, hung past its deadline, or said Broken; the computation may be tried on another.

    `victim`: it was lost while it computed somebody else's message.
    """

    def __init__(self, why: str, victim: bool = False) -> None:
        super().__init__(why)
        self.victim = victim


class Session(Protocol):
    """One message's place at one worker."""

    async def examine(self, envelope: Envelope, payload: Payload) -> Examined | NeedDns:
        """First round. Raises: WorkerLost."""

    async def resume(self, answers: tuple[Answer, ...]) -> Examined | NeedDns:
        """A further round. Raises: WorkerLost."""

    def drop(self) -> None:
        """Forget the job when the flow gives up on it."""


class Workers(Protocol):
    """The pool of unprivileged workers."""

    def session(self) -> Session:
        """A place at the least busy worker."""

    async def compose(self, order: ComposeOrder) -> Composed:
        """A submission as a wire message. Raises: WorkerLost; Refused for input that breaks a rule."""


class Resolver(Protocol):
    """The one resolver."""

    async def answers(self, questions: tuple[Question, ...]) -> tuple[Answer, ...]:
        """One answer per question, in order; `temperror` for everything that failed."""


class Store(Protocol):
    """Mail on disk."""

    async def commit(self, plan: CommitPlan) -> tuple[Outcome, ...]:
        """Store every copy and tell the events. Shielded. Raises: StorageFailed, with nothing left behind."""

    async def conclude(self, conclusion: Conclusion) -> tuple[int, ...]:
        """Settle a pending sent record and tell the event; the ids of its held jobs. Shielded. Trouble is logged."""

    async def release(self, jobs: tuple[int, ...]) -> None:
        """Held jobs may run now, or as soon as that can be recorded. Shielded."""

    async def claimed(self, claim: Claim, now: float) -> FirstAnswer | None:
        """What was answered to this message under this key; None: it was not sent under it.

        Raises: KeyConflict, DeliveryUnknown, ResourcesExhausted, StorageFailed.
        """

    def note_unseen(self, repeat_key: bytes, mailboxes: tuple[str, ...]) -> None:
        """The peer vanished between our 250 and its next command (R5). Never waits."""

    def wake_hooks(self) -> None:
        """There may be runnable jobs."""


class Mails(Protocol):
    """Stored mail, by the index and by its files. A box is one that the caller may read."""

    async def find(self, boxes: tuple[Box, ...], query: Query, page: Page) -> Found:
        """One page; every row's file was there a moment ago. Raises: Refused for a cursor that is none."""

    async def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name."""

    async def conversation(self, boxes: tuple[Box, ...], of: Row) -> tuple[Row, ...]:
        """The messages of these boxes that belong together with one of them (U9), oldest first."""

    async def row(self, box: Box, folder: Folder, email_id: str) -> Row:
        """One message. Raises: EmailNotFound."""

    async def read(self, box: Box, folder: Folder, email_id: str, offset: int, most: int) -> Piece:
        """A piece of a message file. Raises: EmailNotFound, StorageFailed."""

    async def attachment(self, box: Box, file: FileOf, offset: int, most: int) -> Chunk:
        """A piece of an attachment. Raises: EmailNotFound, StorageFailed."""

    async def mark(self, box: Box, email_id: str, read: bool) -> None:
        """Rewrite `read` and `read_at` of a mail of the inbox, and tell it (S3). Shielded.

        Raises: EmailNotFound, StorageFailed, UnreadableMail.
        """

    def reindex(self, boxes: tuple[Box, ...], whole: bool) -> AsyncGenerator[Progress, None]:
        """Build the index of these boxes anew, while it serves. `whole`: there are no others. Raises: StorageFailed."""


class Settings(Protocol):
    """config.toml of the running process."""

    @property
    def current(self) -> Config:
        """The snapshot in force."""

    async def change(self, edit: Edit) -> Config:
        """Edit what is on disk now, validate, write, put in force and tell (S5). Shielded once it is its turn.

        Raises: ConfigInvalid or what the edit raises, with nothing changed; StorageFailed; ResourcesExhausted.
        """

    def alone(self, mailbox: str | None = None) -> AbstractAsyncContextManager["Alone"]:
        """Nobody else changes the configuration, and nobody writes into this mailbox. Shielded inside.

        Raises: ResourcesExhausted.
        """


class Alone(Protocol):
    """What the holder of all locks may do (`Settings.alone`)."""

    @property
    def current(self) -> Config:
        """The snapshot in force: it may be a newer one than the caller was authorized by."""

    async def change(self, edit: Edit) -> Config:
        """As `Settings.change`."""


class Directories(Protocol):
    """The directories of mailboxes, as such. Only inside `Settings.alone` but for the questions."""

    async def make(self, mailbox: str, owner: Identity) -> tuple[Folder, ...]:
        """Both directories, made unless they are there; those that were made.

        Raises: DirectoryConflict, StorageFailed; with nothing made.
        """

    async def unmake(self, mailbox: str, made: tuple[Folder, ...]) -> None:
        """Take back what `make` made, if it is still empty."""

    async def contents(self, mailbox: str) -> Contents:
        """How much lies in them and in the spool, whatever it is. Raises: DirectoryConflict, StorageFailed."""

    async def take(self, mailbox: str, owner_uid: int | None, foreign: bool) -> str:
        """Exchange what the mailbox holds for empty directories; the token of what was taken.

        `foreign`: also from directories that are not the owner's.
        Raises: DirectoryConflict, StorageFailed; with nothing changed.
        """

    async def restore(self, token: str) -> None:
        """Put back what was taken. Raises: StorageFailed; the next start tries again."""

    async def settle(self, token: str | None, deleted: MailboxDeleted) -> None:
        """The configuration no longer has the mailbox: its event, and the end of all that waits for it.

        What was taken is erased in the background. Trouble is logged; the next start tries again.
        """

    async def strays(self, configured: frozenset[str]) -> tuple[Stray, ...]:
        """Directories below inbox/ that belong to no configured mailbox, by name."""


class Lines(Protocol):
    """Pieces of a stream, each of whole lines. Closed once, by whoever has them, whether they ended or not."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Themselves."""

    def __anext__(self) -> Awaitable[bytes]:
        """The next piece."""

    def aclose(self) -> Awaitable[None]:
        """Nobody wants more."""


class Watching(Protocol):
    """The event log as it is watched."""

    async def open(self, caller: Caller, after: str | None, mailbox: str | None) -> Lines:
        """What comes after a cursor, or from now on. Raises: ResourcesExhausted, StorageFailed."""


class Health(Protocol):
    """How the daemon is."""

    async def vitals(self) -> Vitals:
        """What can be said without asking the databases."""

    async def warnings(self) -> tuple[str, ...]:
        """Of the configuration in force."""

    async def backlog(self) -> Backlog:
        """What waits, by mailbox. Raises: StorageFailed."""

    async def cursor(self) -> str:
        """Where the event log is now. Raises: StorageFailed."""

    def use(self, caller: Caller) -> Use:
        """What a caller has of the socket."""


class Events(Protocol):
    """The event log, which everybody who watches reads. What happened has happened: nothing here raises."""

    async def tell(self, *events: Event) -> None:
        """Log events; they are durable when this returns. Shielded."""

    def post(self, *events: Event) -> None:
        """Have events logged soon, without waiting. From any thread."""

    def logged(self) -> None:
        """Events were logged in a transaction of the caller's own (store.eventlog.append). From any thread."""


class Origins(Protocol):
    """Which hooks came over the socket (config.origins says how a crash is survived). Blocking; for threads."""

    def of(self, hook: Written, source: str) -> Origin:
        """Who made a hook of the config.toml with this digest."""

    def announce(self, hook: Written, after: str, hooks: Iterable[Written], before: str) -> None:
        """A hook that came over the socket is about to be written. Raises: StorageFailed."""

    def withdraw(self, hook: Written, hooks: Iterable[Written], before: str) -> None:
        """A hook is about to be deleted, or the operator's to be written. Raises: StorageFailed."""

    def conclude(self, hook: Written, exists: bool | None) -> None:
        """What was announced or withdrawn has happened, or not; None: that is to be seen."""


class Signer(Protocol):
    """The DKIM key of our domain (O3)."""

    def sign(self, head: bytes, body_hash: bytes, now: float) -> bytes:
        """The DKIM-Signature field, with its CRLF, for a header block. Raises: SignFailed."""


class Process(Protocol):
    """A hook that was asked for. `problem`, once it has ended: it never ran its program, and why."""

    problem: SpawnFailed | None

    async def wait(self) -> Exited:
        """Its end."""

    async def signal(self, number: int) -> None:
        """Signal its process group."""


class Spawner(Protocol):
    """The process that forks."""

    async def run_as(self, spec: JobSpec, fds: tuple[int, int, int]) -> Process:
        """Start a program as its owner. Safe to cancel: either nothing was started or the process is returned."""


Sandbox = Literal["systemd-run", "fallback"]  # as the log calls it


class Running(Protocol):
    """A hook that was asked for."""

    async def ended(self) -> Ended:
        """Its end, which is brought about at its time limit: TERM, and KILL after HOOK_KILL_AFTER_S.

        Cancelled: a run that `outlives` the daemon (of an executor that can do so) goes on, any other one has ended
        when this returns. What it left behind has ended too, but for what left its group on purpose.
        """


class Executor(Protocol):
    """What runs hooks (U4). One per daemon."""

    name: Sandbox
    outlives: bool  # its runs go on while there is no daemon, and `resume` finds them again

    async def start(self, order: Execution, fds: tuple[int, int, int]) -> Running:
        """Start a program as its owner; it has stdin, stdout and stderr when this returns. Its failure is an end."""

    async def resume(self, unit: str, timeout_s: float) -> Ended | None:
        """The end of a run that an earlier daemon started, awaited as in `Running.ended`; None: nothing is known."""

    def outputs(self, unit: str) -> Outputs:
        """What was kept of the outputs of a run that an earlier daemon started, for the caller to read and close."""

    async def forget(self, unit: str) -> None:
        """The end of a run has been recorded; until then another daemon could still learn of it. Shielded."""

    async def tidy(self, prefix: str, known: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Remove what earlier daemons left: units with this prefix but those that are known to be resumed."""


class ConnectFailed(Exception):
    """No connection to this address; the text says why."""


class TlsFailed(Exception):
    """The handshake did not succeed; the connection is of no more use."""


class Network(Protocol):
    """Connections to others, and places for them."""

    def place(self, sender: str, destination: str) -> AbstractAsyncContextManager[None]:
        """A bounded number of connections at once, for a sender, to a destination and in all. Waits for its turn."""

    def connect(self, address: str, port: int, own: bool) -> AbstractAsyncContextManager[trio.abc.Stream]:
        """A connection, closed at the end. `own`: to this daemon, which will know it. Raises: ConnectFailed."""

    async def start_tls(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        """Encrypt without asking who the peer is (RFC 7435). Raises: TlsFailed."""


def _outbound_memory() -> Shares:
    wait_s = limits.OUTBOUND_WAIT_S
    whole = MemoryBudget(limits.OUTBOUND_MEMORY_OCTETS, wait_s)
    return Shares(whole, limits.OUTBOUND_SHARE_OCTETS, wait_s, limits.OUTBOUND_LITTLE_OCTETS)


class Sending(msgspec.Struct, frozen=True):
    """What only sending needs.

    `token` makes an unguessable string; `in_hook` says of which hook run one is, if its owner or root presents it
    (U5). `own_smtp` is where our own listener is reached. `shuffle` reorders a list in place. `mx_port` is
    25 but in tests. `drop` takes a message instead of the network (O7); None: there is none. `memory` bounds what
    composed messages take while they are on their way. `turns`: sends under one key, one after the other.
    """

    signer: Signer
    token: Callable[[], str]
    in_hook: Callable[[str, Caller], Within | None]
    network: Network
    own_smtp: Callable[[], tuple[str, int]]
    shuffle: Callable[[list[Any]], None]
    mx_port: int = 25
    drop: Callable[[bytes], Awaitable[None]] | None = None
    memory: Shares = msgspec.field(default_factory=_outbound_memory)
    turns: Turns = msgspec.field(default_factory=Turns)


class Desk(msgspec.Struct, frozen=True):
    """What only administration needs: mail that is stored, the configuration, mailboxes as directories.

    `watching` and `health` are None in a process that is no daemon.
    """

    mails: Mails
    settings: Settings
    directories: Directories
    origins: Origins
    runs: Runs
    watching: Watching | None = None
    health: Health | None = None


class Effects(msgspec.Struct, frozen=True):
    """Everything a flow may touch. `now` is seconds since the epoch.

    `sending` is None where nothing is ever sent, `desk` where nobody asks.
    """

    now: Callable[[], float]
    workers: Workers
    resolver: Resolver
    store: Store
    executor: Executor
    accounts: Accounts
    events: Events
    sending: Sending | None = None
    desk: Desk | None = None
