"""What `aimx doctor` has found out about a host: plain values, so that every check is a function of them.

Gathers nothing and judges nothing. None means "not known", never "not there".
"""

from typing import Literal

import msgspec

from aimx.effects.build import Build
from aimx.flows.status import Told
from aimx.model.config import Config
from aimx.model.delivery import Folder
from aimx.model.dns import Answer
from aimx.provision.initsystem import Init
from aimx.store.survey import Books


class File(msgspec.Struct, frozen=True):
    """A file as found. `why` tells what is the matter unless it could be read."""

    path: str
    state: Literal["read", "missing", "unreadable", "broken"]
    why: str = ""
    mode: int | None = None
    uid: int | None = None


class Certificate(msgspec.Struct, frozen=True):
    """A certificate for STARTTLS. `source`: where it was seen. Times are seconds since the epoch."""

    source: str
    not_before: float
    not_after: float
    self_signed: bool = False


class Probe(msgspec.Struct, frozen=True):
    """What answers on the socket. `absent`: nobody. `failed`: not in time or not understandably (`why`).

    `running` with a `why`: it answers, but did not within the budget of the probe.
    """

    socket: str
    state: Literal["running", "absent", "failed"]
    why: str = ""
    tag: str = ""
    git_hash: str = ""
    pid: int | None = None  # of the process that listens, with its uid
    uid: int | None = None
    status: Told | None = None  # STATUS; None where the daemon has not that verb
    data_dir_flag: str | None = None  # --data-dir of its command line, which wins over the file


class Smtp(msgspec.Struct, frozen=True):
    """What answers where the daemon should listen."""

    address: str
    state: Literal["ours", "other", "closed", "unknown"]
    banner: str = ""
    starttls: bool = False


class Listed(msgspec.Struct, frozen=True):
    """A mailbox as it is shown. `total` and `unread` None: nobody could count."""

    name: str
    address: str
    owner: str | None
    total: int | None
    unread: int | None
    trust: str | None
    senders: tuple[str, ...] | None
    hooks: int | None
    catchall: bool


class Owner(msgspec.Struct, frozen=True):
    """The account that a mailbox names. `uid` None: it does not resolve."""

    name: str
    uid: int | None
    gid: int | None


class Directory(msgspec.Struct, frozen=True):
    """A mailbox directory. `hidden`: we may not look."""

    path: str
    folder: Folder
    mailbox: str
    state: Literal["present", "missing", "not-a-directory", "hidden"]
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    foreign_device: bool = False


class Stray(msgspec.Struct, frozen=True):
    """A directory below inbox/ or sent/ that belongs to no configured mailbox. `messages` None: we may not look."""

    path: str
    messages: int | None


class Space(msgspec.Struct, frozen=True):
    """The file system of the data directory. `inodes_*` 0: it does not count them."""

    path: str
    octets: int
    octets_free: int
    inodes: int
    inodes_free: int


class Program(msgspec.Struct, frozen=True):
    """The program of a hook."""

    hook: str
    mailbox: str
    path: str
    state: Literal["runnable", "missing", "not-executable", "hidden"]


class Key(msgspec.Struct, frozen=True):
    """The DKIM pair of the configured selector. `record`: what the zone should publish for it."""

    selector: str
    private: File
    record: str | None
    public_differs: bool = False


class View(msgspec.Struct, frozen=True):
    """What one of the servers that answer for the domain says, where that is theirs to say."""

    server: str
    answers: tuple[Answer, ...] = ()


class Names(msgspec.Struct, frozen=True):
    """What the DNS says. `answers`: by the system's resolver; `views`: by the servers that answer for the domain.

    `local`: those of the published addresses that this machine has. `outgoing`: the addresses that connections leave
    from, None without a route. `server`: AIMX_TEST_DNS. `notes`: what is odd about the servers themselves. `rejected`:
    the resolver takes nothing of the zone, because its DNSSEC signatures are wrong.
    """

    domain: str
    answers: tuple[Answer, ...] = ()
    local: tuple[str, ...] = ()
    outgoing4: str | None = None
    outgoing6: str | None = None
    server: str = ""
    views: tuple[View, ...] = ()
    notes: tuple[str, ...] = ()
    rejected: bool = False


def with_ipv6(config: Config | None, probe: Probe) -> bool:
    """Whether mail leaves by IPv6 too (enable_ipv6): what the file says, else the daemon."""
    if config is not None:
        return config.enable_ipv6
    return probe.status is not None and probe.status.enable_ipv6


class Facts(msgspec.Struct, frozen=True):
    """All of it. `root`: gathered by root. `as_root`: the daemon is one that runs (or is to run) as root."""

    now: float
    root: bool
    as_root: bool
    client: Build
    init: Init
    config_file: File
    config: Config | None
    probe: Probe
    smtp: Smtp
    certificate: Certificate | None
    data_dir: str | None
    data_dir_file: File | None
    space: Space | None
    mailboxes: tuple[Listed, ...]
    owners: tuple[Owner, ...]
    directories: tuple[Directory, ...]
    strays: tuple[Stray, ...]
    programs: tuple[Program, ...]
    books: Books | None
    key: Key | None
    names: Names | None
    users: dict[str, bool] = {}  # system accounts that matter, and whether they exist
    old_socket: bool = False
    clock_synchronised: bool | None = None
    override: str | None = None  # the data directory that flag or environment names

    @property
    def mailboxes_known(self) -> bool:
        """Somebody told which mailboxes there are: the file, or the daemon (of our own ones)."""
        return self.config is not None or self.probe.state == "running" or self.config_file.state == "missing"
