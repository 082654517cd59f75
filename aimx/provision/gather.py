"""Find out everything that doctor judges, within seconds and without changing anything.

What may not be looked at stays unknown: nothing here fails because somebody is not root.
"""

import os
import pwd
import stat
import time
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, Literal, NamedTuple

import msgspec
import trio

from aimx import limits
from aimx.config import load, paths
from aimx.effects import linux
from aimx.effects.build import build
from aimx.errors import ConfigInvalid, ConfigUnreadable
from aimx.model.config import Config
from aimx.model.delivery import Folder
from aimx.model.status import Waiting
from aimx.provision import disk, initsystem, keypair, nameservice, probe
from aimx.provision.facts import Certificate, Facts, File, Key, Listed, Names, Owner, Probe, Program, Smtp, with_ipv6
from aimx.store import survey
from aimx.store.survey import Books

WORKER_USER, CATCHALL_USER, LEGACY_USER = "aimx-worker", "aimx-catchall", "aimx-hook"
_SMTP = ("127.0.0.1", 25)


class Where(NamedTuple):
    """Which installation: the files of flag and environment, and the root of the machine's own."""

    config_file: Path
    data_dir: Path | None
    socket: Path
    root: Path = Path("/")


class Site(NamedTuple):
    """What is known of the installation before anything else is looked at."""

    config_file: File
    config: Config | None
    probe: Probe
    rows: list[dict[str, Any]]
    data_dir: PurePath | None
    uid: int  # of the daemon, running or expected


def gather(where: Where) -> Facts:
    """All facts."""
    site = site_of(where)
    domain, selector = domain_of(site), selector_of(site)
    key = keypair.look(where.config_file.parent, selector) if selector else None
    reached = trio.run(_network, site, domain, selector, key)
    data_dir = Path(site.data_dir) if site.data_dir is not None else None
    mailboxes = _mailboxes(site)
    wanted = _wanted(site)
    return Facts(
        now=time.time(),
        root=os.geteuid() == 0,
        as_root=site.uid == 0,
        client=build(),
        init=initsystem.detect(where.root),
        config_file=site.config_file,
        config=site.config,
        probe=site.probe,
        smtp=reached.smtp,
        certificate=reached.certificate or probe.certificate_file(paths.tls_files()[0]),
        data_dir=str(data_dir) if data_dir is not None else None,
        data_dir_file=disk.look(data_dir) if data_dir is not None else None,
        space=disk.space(data_dir) if data_dir is not None else None,
        mailboxes=mailboxes,
        owners=tuple(_owner(name, site.uid) for name in dict.fromkeys(box.owner for box in mailboxes) if name),
        directories=disk.directories(data_dir, wanted) if data_dir is not None else (),
        strays=disk.strays(data_dir, set(wanted)) if data_dir is not None and site.config is not None else (),
        programs=reached.programs,
        books=_books(data_dir, site.probe) if data_dir is not None else None,
        key=key,
        names=reached.names,
        users={name: _account(name) is not None for name in (WORKER_USER, CATCHALL_USER, LEGACY_USER)},
        old_socket=(where.socket.parent / "send.sock").exists(),
        clock_synchronised=linux.clock_synchronised(),
        override=str(where.data_dir) if where.data_dir is not None else None,
    )


def site_of(where: Where) -> Site:
    """What file and daemon say."""
    file, config = _config(where.config_file, where.data_dir)
    found = probe.daemon(where.socket)
    rows = probe.mailboxes(where.socket) if found.state == "running" else []
    data_dir: PurePath | None = config.data_dir if config is not None else where.data_dir
    if found.status is not None and where.data_dir is None:
        data_dir = PurePath(found.status.data_dir)  # where mail is now, whatever the file says
    if data_dir is None and file.state != "missing":
        data_dir = PurePath(load.DATA_DIR)
    return Site(file, config, found, rows, data_dir, _daemon_uid(found, data_dir))


def _config(path: Path, data_dir: Path | None) -> tuple[File, Config | None]:
    file = disk.look(path)
    if file.state == "missing":
        return file, None
    try:
        return file, load.load(path, data_dir)
    except ConfigUnreadable as error:
        return File(str(path), "unreadable", error.reason, file.mode, file.uid), None
    except ConfigInvalid as error:
        return File(str(path), "broken", error.reason, file.mode, file.uid), None


def _daemon_uid(found: Probe, data_dir: PurePath | None) -> int:
    """Whose the daemon is; without one, whoever owns the mail."""
    if found.uid is not None:
        return found.uid
    try:
        return os.stat(data_dir).st_uid if data_dir is not None else 0
    except OSError:
        return os.geteuid()


def domain_of(site: Site) -> str | None:
    """The domain that mail is for; None when nobody tells it."""
    if site.config is not None:
        return site.config.domain
    if site.probe.status is not None:
        return site.probe.status.domain
    domains = {str(row["address"]).rpartition("@")[2] for row in site.rows if row.get("address")}
    return domains.pop() if len(domains) == 1 else None


def selector_of(site: Site) -> str | None:
    """The selector of the key that signs."""
    if site.config is not None:
        return site.config.dkim_selector
    return site.probe.status.dkim.selector if site.probe.status is not None else None


class _Reached(NamedTuple):
    """What may take its time to come."""

    smtp: Smtp
    certificate: Certificate | None
    names: Names | None
    programs: tuple[Program, ...]


async def _network(site: Site, domain: str | None, selector: str | None, key: Key | None) -> _Reached:
    """The DNS, the listener, and programs that may be on somebody's own file system: all at once, each bounded."""
    programs: tuple[Program, ...] = ()
    smtp: tuple[Smtp, Certificate | None] = (Smtp("", "unknown"), None)
    names: Names | None = None

    async def ask_listener() -> None:
        nonlocal smtp
        address = listens(site.probe)
        smtp = (Smtp(probe.shown(address), "unknown"), None)
        with trio.move_on_after(limits.PROBE_MORE_S):
            smtp = await trio.to_thread.run_sync(probe.smtp, address, abandon_on_cancel=True)

    async def ask_dns() -> None:
        nonlocal names
        if domain is not None:
            record = key.record if key else None
            names = await nameservice.look_up(domain, selector or "aimx", record, with_ipv6(site.config, site.probe))

    async def look_at_programs() -> None:
        nonlocal programs
        with trio.move_on_after(limits.PROBE_MORE_S):
            programs = await trio.to_thread.run_sync(_programs, site.config, abandon_on_cancel=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_listener)
        nursery.start_soon(ask_dns)
        nursery.start_soon(look_at_programs)
    return _Reached(*smtp, names, programs)


def listens(found: Probe) -> tuple[str, int]:
    """Where the daemon says that it listens; loopback where it listens everywhere, port 25 where it says nothing."""
    host, _, port = (found.status.smtp.address if found.status is not None else "").rpartition(":")
    if not port.isdecimal():
        return _SMTP
    host = host.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host), int(port)


def _mailboxes(site: Site) -> tuple[Listed, ...]:
    rows = {str(row.get("name")): row for row in site.rows}
    if site.config is None:
        mine = _name(os.geteuid()) if os.geteuid() else None
        shown = {name: probe.show(Path(site.probe.socket), name) for name in list(rows)[: limits.DOCTOR_SHOWN]}
        return tuple(_unconfigured(row, mine, shown.get(name) or {}) for name, row in rows.items())
    found = []
    for box in site.config.mailboxes.values():
        row = rows.get(box.name, {})
        total = row["total"] if "total" in row else disk.messages(site.data_dir or site.config.data_dir, box.name)
        policy = (box.trust, box.trusted_senders, len(box.hooks), box.catchall)
        found.append(Listed(box.name, box.address, box.owner, total, row.get("unread"), *policy))
    return tuple(found)


def _unconfigured(row: dict[str, Any], owner: str | None, shown: dict[str, Any]) -> Listed:
    """A mailbox of which the daemon alone tells; an original one does not tell what `shown` holds."""
    name, address = str(row.get("name")), str(row.get("address") or "")
    hooks = shown.get("hooks")
    count = sum(len(found) for found in hooks.values()) if isinstance(hooks, dict) else None
    senders = shown.get("trusted_senders")
    return Listed(
        name,
        address,
        shown.get("owner", owner),
        row.get("total"),
        row.get("unread"),
        shown.get("trust"),
        tuple(map(str, senders)) if isinstance(senders, list) else None,
        count,
        address.startswith("*@"),
    )


def _books(data_dir: Path, found: Probe) -> Books:
    """Where the databases are root's, the daemon tells everybody of his own mail that waits."""
    books = survey.books(str(data_dir / ".aimx"), time.time() - limits.DOCTOR_HOOK_RUNS_S)
    if books.state != "unreadable" or found.status is None:
        return books
    waiting = (Waiting(one.mailbox, one.copies, _epoch(one.since), one.reason) for one in found.status.spool)
    return msgspec.structs.replace(books, waiting=tuple(waiting))


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return time.time()


def _wanted(site: Site) -> list[tuple[Folder, str]]:
    if site.config is not None:
        return disk.configured(site.config)
    folders: tuple[Folder, ...] = ("inbox", "sent")
    return [
        (folder, str(row.get("name")))
        for row in site.rows
        for folder in folders
        if folder == "inbox" or not str(row.get("address") or "").startswith("*@")
    ]


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except (KeyError, ValueError):
        return None


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _owner(name: str, daemon_uid: int) -> Owner:
    """As the daemon resolves it: one that is not root uses its own identity for everybody (S1)."""
    if daemon_uid != 0:
        return Owner(name, daemon_uid, None)
    entry = _account(name)
    return Owner(name, entry.pw_uid, entry.pw_gid) if entry is not None else Owner(name, None, None)


def _programs(config: Config | None) -> tuple[Program, ...]:
    if config is None:
        return ()
    return tuple(
        Program(hook.name, box.name, hook.cmd[0], _state(hook.cmd[0]))
        for box in config.mailboxes.values()
        for hook in box.hooks
    )


def _state(path: str) -> Literal["runnable", "missing", "not-executable", "hidden"]:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (OSError, ValueError):
        return "hidden"
    return "runnable" if stat.S_ISREG(mode) and mode & 0o111 else "not-executable"
