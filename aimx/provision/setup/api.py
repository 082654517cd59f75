"""The seams of setup: who talks to the operator (Ui), who looks at and changes the host (Works), what both exchange.

The story between them is `story.py`. There are three Uis (Textual, plain prompts, nobody) and one Works (host.py).
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol

from aimx.errors import Refused
from aimx.provision.records import Record, Verdict
from aimx.provision.setup.steps import Checklist

# What a refusal of something typed says; None when it is taken.
Check = Callable[[str], str | None]


class Back(Exception):
    """The operator wants the question before this one again."""


class SetupCancelled(Refused):
    """The operator ended setup; the reason says what stays on disk, if anything does."""


class Note(NamedTuple):
    """A line for the operator. `kind` decides its mark and colour; no information is in the colour alone."""

    kind: Literal["title", "text", "ok", "warn", "fail", "hint", "command"]
    text: str


class Question(NamedTuple):
    """A yes or no. `name` is stable: flags and tests answer by it. `default` is what Enter means.

    `grave`: something would change that is not easily had back; only a yes in so many words is one.
    """

    name: Literal["domain", "dns-access", "change-domain", "senders", "no-senders", "catchall"]
    text: str
    default: bool = True
    grave: bool = False


class Zone(NamedTuple):
    """The records to publish, in order, and the same as a zone file."""

    domain: str
    records: tuple[Record, ...]
    file: str


class Seen(NamedTuple):
    """What the DNS said at one look. `verified`: nothing is wrong. `servers`: who was asked, for people."""

    verdicts: tuple[Verdict, ...]
    verified: bool
    servers: str


class Watch(NamedTuple):
    """The DNS step: what is wanted, and how to look again. A look takes seconds and may be cancelled."""

    zone: Zone
    look: Callable[[], Awaitable[Seen]]


class Ui(Protocol):
    """Whoever talks to the operator. Every method that asks may raise Back (where `back` says so) or SetupCancelled."""

    def checklist(self, checklist: Checklist) -> None:
        """It has changed."""

    def tell(self, note: Note) -> None:
        """Say something; the texts are ours, what is in them of others has been made safe."""

    def working(self, what: str) -> AbstractContextManager[None]:
        """While it is open something is being done that may take over a second: show it, and let it be cancelled."""

    async def domain(self, offered: str | None, check: Check) -> str:
        """The domain, one that `check` takes. `offered` is the configured one."""

    async def confirm(self, question: Question, back: bool = False) -> bool:
        """Yes or no."""

    async def senders(self, check: Check, back: bool = False) -> str:
        """What was typed as trusted senders, one that `check` takes; may be empty."""

    async def records(self, watch: Watch, back: bool = False) -> bool:
        """Show the records, and look until they are right (True) or the operator puts that off (False)."""


class Options(NamedTuple):
    """What the command line has answered; None is to be asked."""

    domain: str | None = None
    senders: str | None = None
    catchall: bool | None = None
    preflight: bool = True


class Answers(NamedTuple):
    """What the operator wants. `senders` empty means trust = "none". `policy`: the two came from him, now."""

    domain: str
    senders: tuple[str, ...] = ()
    policy: bool = False
    catchall: bool = True


class Found(NamedTuple):
    """What the story needs to know of the host before it asks. `problem`: why setup cannot go on at all.

    `installed`: the service runs, and certificate and key are there (guide, "Re-running setup"). `catchall`: the
    existing configuration has one; None without a configuration.
    """

    domain: str | None
    trust: str | None
    certificate: bool
    installed: bool
    catchall: bool | None
    problem: str = ""


class Reach(NamedTuple):
    """One direction of port 25. `why`: the cause when it is not ok. `unknown`: it could not be tried."""

    ok: bool
    why: str = ""
    unknown: bool = False


class Preflight(NamedTuple):
    """Port 25 in both directions. `holder`: the process that has it, when that is not ours.

    `ipv4` and `ipv6`: how the verifier sees us; None when it did not say, or not a public address.
    """

    holder: str | None
    outbound: Reach
    inbound: Reach
    ipv4: str | None
    ipv6: str | None


class Change(NamedTuple):
    """One thing that setup will do to the host, in words: `what` it does, `where`. What is there is no change."""

    name: str
    what: str
    where: str = ""


class Works(Protocol):
    """The host. Every method can be called again at any time; what it has done before is found done."""

    async def survey(self) -> Found:
        """Look; changes nothing."""

    async def preflight(self, tell: Callable[[Note], None]) -> Preflight:
        """Try port 25; `tell` gets each result as it is there. Changes nothing."""

    def pair(self, domain: str) -> bool:
        """Make the DKIM pair unless there is one; whether it was made now. Raises: Failed."""

    def watch(self, domain: str, ipv4: str | None, ipv6: str | None) -> Watch:
        """The records for that domain and these addresses (as the verifier told them), and how to look for them."""

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """What `install` would do now; empty when nothing is left to do. Changes nothing."""

    async def install(self, answers: Answers, tell: Callable[[Note], None]) -> None:
        """Do it, change by change. Raises: Failed, with what was undone and what stands, and what to do next."""
