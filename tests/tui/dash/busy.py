"""A mail server with a history for the dashboard to show: the same mail, runs and times in every run of the tests.

The past is put on disk and into state.db before the daemon starts, so that no id and no time depends on when that was.
What a test adds to it comes and goes through the daemon, whose mail leaves through the mail server of tests.mx.
"""

import os
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from aimx.config.load import load
from aimx.daemon.storage import open_storage
from aimx.mime import frontmatter
from aimx.store import layout
from tests import mx
from tests.harness import DOMAIN, Daemon, owner
from tests.mailauth import signing

NOW = 1_794_999_600  # 2026-11-18 11:00 UTC, shortly after the last mail
ANN, BOB, SHOP = "Ann Archer <ann@example.org>", "Bob <bob@example.com>", "Shop <noreply@shop.example>"
# Mailboxes of every kind; `old` is a directory that no configuration names.
CONFIG = f"""\
domain = "{DOMAIN}"
allow_private_mx = true
trust = "verified"
trusted_senders = ["*@example.org"]

[mailboxes.billing]
address = "billing@{DOMAIN}"
owner = "{owner()}"

[[mailboxes.billing.hooks]]
name = "file-invoice"
event = "on_receive"
fire_on_untrusted = true
skip_automated = true
timeout_secs = 30
cmd = ["/bin/sh", "-c", "exit 0"]

[mailboxes.catchall]
address = "*@{DOMAIN}"
owner = "{owner()}"

[mailboxes.quiet]
address = "quiet@{DOMAIN}"
owner = "{owner()}"

[mailboxes.support]
address = "support@{DOMAIN}"
owner = "{owner()}"

[[mailboxes.support.hooks]]
name = "triage"
event = "on_receive"
cmd = ["/bin/sh", "-c", "echo triaged"]

[[mailboxes.support.hooks]]
name = "tell-team"
event = "after_send"
cmd = ["/bin/sh", "-c", "exit 0"]
"""
EMPTY = f'domain = "{DOMAIN}"\n[mailboxes.support]\naddress = "support@{DOMAIN}"\nowner = "{owner()}"\n'

MARKDOWN = """\
Hello,

the **nightly import** fails since yesterday:

1. it reads `orders.csv`
2. it stops at line 4711

> Do you see that too?

| run | result |
|-----|--------|
| Mon | ok     |
| Tue | failed |

```
Traceback: line 4711, column 3
```

More in [the log](https://log.example.org/run/4711).

Ann
"""


class Past(NamedTuple):
    """A mail that came or went `minutes` before NOW."""

    mailbox: str
    minutes: int
    from_: str
    subject: str
    body: str = "Hello,\n\nas agreed.\n"
    thread: str = ""
    read: bool = True
    trusted: str = "false"
    automated: bool = False
    files: tuple[tuple[str, str, bytes], ...] = ()
    answers: str = ""
    cc: str = ""
    # of sent mail
    to: str = ""
    status: str = ""
    details: str = ""

    @property
    def stem(self) -> str:
        """Its id."""
        return layout.stem(NOW - 60 * self.minutes, self.subject)

    @property
    def message_id(self) -> str:
        """Without brackets."""
        return f"{self.minutes}.{self.mailbox}@{DOMAIN if self.status else 'example.org'}"


_PDF = ("invoice-2041.pdf", "application/pdf", b"%PDF-1.4\n" * 2000)
_CSV = ("orders.csv", "text/csv", b"order,amount\n4711,12.50\n")
IMPORT, OFFER = "1f0c7a5520be4d31", "7e21b6a4c5d00f98"
PAST = (
    Past("support", 1, ANN, "Nightly import fails", MARKDOWN, IMPORT, False, "true", cc=BOB),
    Past("support", 8, BOB, "Re: Offer for two agents", thread=OFFER, read=False, answers=f"45.support@{DOMAIN}"),
    Past("billing", 15, SHOP, "Invoice 2041", "Your invoice is attached.\n", read=False, automated=True, files=(_PDF,)),
    Past("support", 31, ANN, "Orders of October", "See the table.\n", trusted="true", files=(_CSV, _PDF)),
    Past("support", 60, "Team List <team@lists.example.net>", "[team] Minutes of Monday", automated=True),
    Past("support", 85, BOB, "Offer for two agents", "What would two of them cost?\n", OFFER),
    Past("billing", 190, BOB, "Überweisung für März · 請求書", "Danke schön.\n", read=False),
    Past("support", 1500, "", "(no subject)", "", trusted="false"),
    *(
        Past("catchall", 3000 + 7 * number, SHOP, f"Newsletter {230 - number}", automated=True, read=number > 3)
        for number in range(230)
    ),
    Past("old", 90_000, ANN, "From before"),
    Past("support", 45, f"Support <support@{DOMAIN}>", "Re: Offer for two agents", "Two cost **twenty**.\n", OFFER,
         answers="85.support@example.org", to=BOB, status="delivered"),
    Past("support", 50, f"support@{DOMAIN}", "Welcome", to="Carl <carl@example.net>", status="failed",
         details="550 5.1.1 no such user"),
    Past("billing", 55, f"billing@{DOMAIN}", "Reminder", to=ANN, status="pending",
         details="outcome unknown: the connection was lost"),
    Past("billing", 57, f"billing@{DOMAIN}", "Receipt 17", to=BOB, status="delivered", files=(_PDF,),
         details="ann@example.org: deferred, 451 4.2.0 later"),
    Past("support", 58, f"support@{DOMAIN}", "On its way", to=ANN, status="pending"),
)  # fmt: skip


class Run(NamedTuple):
    """A hook run that ended `minutes` before NOW."""

    minutes: int
    hook: str
    mailbox: str
    of: int
    state: str = "done"
    event: str = "on_receive"
    exit_code: int | None = 0
    timed_out: bool | None = False
    duration_ms: int | None = 120
    stderr: str = ""
    reason: str | None = None
    test: bool = False


# `of`: the place in PAST of the mail that set it off.
RUNS = (
    Run(90, "tell-team", "support", -4, event="after_send", exit_code=-1, reason="spawn-failed",
        stderr="execve: ENOENT"),
    Run(86, "triage", "support", 5, "skipped", exit_code=None, timed_out=None, duration_ms=None,
        reason="trusted=false fire_on_untrusted=false"),
    Run(60, "triage", "support", 4, "skipped", exit_code=None, timed_out=None, duration_ms=None,
        reason="thread-budget"),
    Run(31, "triage", "support", 3),
    Run(20, "triage", "support", 3, test=True, duration_ms=48),
    Run(15, "file-invoice", "billing", 2, "skipped", exit_code=None, timed_out=None, duration_ms=None,
        reason="automated"),
    Run(9, "file-invoice", "billing", 6, "interrupted", exit_code=-1, duration_ms=2210, reason="daemon-restart"),
    Run(5, "file-invoice", "billing", 6, exit_code=-1, timed_out=True, duration_ms=30_004),
    Run(1, "triage", "support", 0, exit_code=3, duration_ms=310,
        stderr="triage: 2 rules read\ntriage: cannot reach tracker.example.org: timed out\n"),
)  # fmt: skip


@contextmanager
def daemons(tree: Path, config: str = CONFIG, past: tuple[Past, ...] = PAST, runs: tuple[Run, ...] = RUNS):
    """A daemon with that past, and `daemon.mx`: the server that its mail goes to."""
    with mx.Server() as server:
        daemon = Daemon(tree, config, mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
        signing.install(daemon.etc)
        fill(daemon, past, runs)
        daemon.mx = server
        try:
            yield daemon.start()
        finally:
            daemon.stop()
            daemon.close()
            server.go.set()
            server.shutdown()


def fill(daemon: Daemon, past: tuple[Past, ...], runs: tuple[Run, ...]) -> None:
    """Mail and runs, before it starts."""
    parts = open_storage(load(daemon.etc / "config.toml", daemon.data))
    for mail in past:
        write(daemon.data, mail)
    parts.state.run(lambda db: [_record(db, run, past) for run in runs])
    parts.close()


def write(data: Path, mail: Past) -> None:
    """The file of one mail, with its attachments."""
    at = _instant(NOW - 60 * mail.minutes)
    received = not mail.status
    fields: list[tuple[str, frontmatter.Value | None]] = [
        ("id", mail.stem), ("message_id", mail.message_id), ("thread_id", mail.thread or f"{mail.minutes:016x}"),
        ("from", mail.from_), ("to", mail.to or f"{mail.mailbox}@{DOMAIN}"), ("cc", mail.cc or None),
        ("delivered_to", mail.to or f"{mail.mailbox}@{DOMAIN}"), ("subject", mail.subject), ("date", at),
        ("received_at", at if received else None), ("received_from_ip", "192.0.2.7" if received else None),
        ("size_bytes", 1000 + len(mail.body) + sum(len(file[2]) for file in mail.files)),
        ("in_reply_to", mail.answers or None), ("references", mail.answers or None),
        ("dkim", "pass" if mail.status or mail.trusted == "true" else "none"), ("spf", "pass" if received else "none"),
        ("dmarc", "pass" if mail.trusted == "true" else "none"), ("trusted", mail.trusted if received else "none"),
        ("mailbox", mail.mailbox), ("read", mail.read),
        ("trust_reason", _reason(mail) if received else None), ("automated", True if mail.automated else None),
    ]  # fmt: skip
    if mail.status:
        fields += [("outbound", True), ("outbound_format", "markdown"), ("delivery_status", mail.status)]
        fields += [("delivered_at", at if mail.status == "delivered" else None)]
        fields += [("delivery_details", mail.details or None)]
    tables: list[list[tuple[str, frontmatter.Value]]] = [
        [("filename", name), ("content_type", kind), ("size", len(octets)), ("path", name)]
        for name, kind, octets in mail.files
    ]
    box = data / ("sent" if mail.status else "inbox") / mail.mailbox
    directory = box / mail.stem if mail.files else box
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    document = frontmatter.write([(key, item) for key, item in fields if item is not None], tables, mail.body)
    (directory / f"{mail.stem}.md").write_bytes(document)
    for name, _, octets in mail.files:
        (directory / name).write_bytes(octets)


def _reason(mail: Past) -> str:
    return "aligned-dkim:example.org" if mail.trusted == "true" else "sender-not-listed"


def _record(db: sqlite3.Connection, run: Run, past: tuple[Past, ...]) -> None:
    mail, ended = past[run.of], NOW - 60.0 * run.minutes
    row = {
        "state": run.state, "hook": run.hook, "mailbox": run.mailbox, "event": run.event,
        "folder": "sent" if mail.status else "inbox", "email_id": mail.stem, "path": "",
        "message": 0 if run.test else 1 + run.of % len(past), "env": msgspec.msgpack.encode({}), "conversation": "c",
        "created": ended - 1, "started": None if run.duration_ms is None else ended - run.duration_ms / 1000,
        "ended": ended, "exit_code": run.exit_code, "timed_out": run.timed_out, "duration_ms": run.duration_ms,
        "stderr_tail": run.stderr, "reason": run.reason, "owner_uid": os.getuid(),
    }  # fmt: skip
    db.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
