"""Seam: how the daemon is, as STATUS tells it."""

import msgspec


class Vitals(msgspec.Struct, frozen=True):
    """What can be said of the process without asking its databases.

    `started_at` is seconds since the epoch. `resolver`: whether it takes questions. `differs`: config.toml is no longer
    what is loaded. `index`: whether index.db takes what is written to it. `dkim_record`: of
    the key that signs, None: none does. `test_variables`: which of the variables that are for tests are set.
    """

    pid: int
    started_at: float
    privileged: bool
    config_path: str
    differs: bool
    smtp_address: str
    smtp_tls: bool
    sessions: int
    sessions_most: int
    workers: int
    workers_wanted: int
    resolver: bool
    index: bool
    dkim_selector: str
    dkim_record: str | None
    test_variables: tuple[str, ...]


class Waiting(msgspec.Struct, frozen=True):
    """Copies for one mailbox that its directory did not take. `reason` is that of the oldest."""

    mailbox: str
    copies: int
    since: float
    reason: str


class Jobs(msgspec.Struct, frozen=True):
    """Hook runs that have not ended: to run, running, and held until the answer to a send was given."""

    pending: int = 0
    running: int = 0
    held: int = 0

    def __add__(self, other: "Jobs") -> "Jobs":
        return Jobs(self.pending + other.pending, self.running + other.running, self.held + other.held)


class Backlog(msgspec.Struct, frozen=True):
    """What waits, by mailbox."""

    spool: tuple[Waiting, ...]
    jobs: dict[str, Jobs]


class Share(msgspec.Struct, frozen=True):
    """How much of something is taken, and how much there is."""

    now: int
    most: int


class Use(msgspec.Struct, frozen=True):
    """What one user has of the socket. `all_watchers`: everybody's."""

    requests: Share
    watchers: Share
    all_watchers: Share
