"""What stands on this host already, as one value. Changes nothing, asks no network.

What setup must not go on over (a configuration or a key that cannot be read, say) is a `problem` with what to do.
"""

import os
import stat
import time
from pathlib import Path
from typing import Literal, NamedTuple

from aimx.config import load
from aimx.effects import files
from aimx.errors import ConfigInvalid
from aimx.model.config import Config
from aimx.provision import disk, keypair
from aimx.provision.service.api import Service
from aimx.provision.setup import accounts, certificate
from aimx.provision.setup.site import Site
from aimx.store import readme

SELECTOR = "aimx"
LOG_MODE = 0o1733  # guide: hooks of every user may leave logs there, and nobody lists or removes those of others


class Ground(NamedTuple):
    """Facts. `missing`: mailbox directories that are not there yet. `service`: its file says what it should.

    `pair`: `public` when only the public key is missing or another one. `warnings`: odd, and not in the way.
    """

    config: Config | None
    data_dir: Path
    users: frozenset[str]
    pair: Literal["good", "missing", "public"]
    certificate: certificate.Seen
    tree: bool
    missing: tuple[str, ...]
    logs: bool
    readme: bool
    service: bool
    active: bool
    problem: str = ""
    warnings: tuple[str, ...] = ()


def look(site: Site, service: Service | None, active: bool) -> Ground:
    """All facts but whether the service runs, which is asked elsewhere. Blocks for some milliseconds."""
    found, problem = _config(site)
    directory = accounts.Directory(site.root)
    data_dir = site.data_dir or Path(found.data_dir if found is not None else load.DATA_DIR)
    entries = [entry for name in (accounts.WORKER, accounts.CATCHALL) if (entry := directory.entry(name)) is not None]
    users = frozenset(entry.name for entry in entries)
    key = keypair.look(site.config_dir, found.dkim_selector if found is not None else SELECTOR)
    seen = certificate.look(site.tls_dir, time.time())
    problems = (
        problem,
        "" if service is not None else _NO_INIT,
        "" if accounts.WORKER in users or accounts.tool() is not None else accounts.by_hand((accounts.WORKER,)),
        _key_problem(key.private.path, key.private.state, key.private.why),
        _certificate_problem(site, seen),
        _data_problem(data_dir),
        _log_problem(site.log_dir),
    )
    text = service.text(site.program, site.config_dir, data_dir) if service is not None else ""
    public = key.public_differs or not os.path.lexists(Path(key.private.path).with_name("public.key"))
    return Ground(
        config=found,
        data_dir=data_dir,
        users=users,
        pair="missing" if key.private.state == "missing" else "public" if public else "good",
        certificate=seen,
        tree=all((data_dir / name).is_dir() for name in (".aimx", "inbox", "sent")),
        missing=_missing(data_dir, found, directory),
        logs=_mode(site.log_dir) == LOG_MODE,
        readme=_readme(data_dir),
        service=service is not None and service.installed(text),
        active=active,
        problem=next(filter(None, problems), ""),
        warnings=(*(entry.odd for entry in entries if entry.odd), *_unresolved(found, directory)),
    )


_NO_INIT = (
    "neither systemd nor OpenRC runs this machine, and setup installs the daemon as a service of one of them. In a"
    ' container run `aimx serve` yourself (the book, "Getting started"); after a boot with systemd run setup again'
)


def config(site: Site) -> Config | None:
    """The configuration, where there is one that can be read."""
    return _config(site)[0]


def _config(site: Site) -> tuple[Config | None, str]:
    """None without a configuration; one that cannot be read stands in the way, and is never overwritten."""
    if not os.path.lexists(site.config_file):
        return None, ""
    try:
        return load.load(site.config_file, site.data_dir), ""
    except ConfigInvalid as error:
        why = f"{error.reason}. Setup never overwrites a configuration: repair it, or move it away, and run setup again"
        return None, why


def _key_problem(path: str, state: str, why: str) -> str:
    if state in ("read", "missing"):
        return ""
    return (
        f"the DKIM key {path} cannot be used: {why}. Put the right one back, or move it away and run setup again: it"
        " then makes another pair, whose record has to be published anew"
    )


def _certificate_problem(site: Site, seen: certificate.Seen) -> str:
    if seen.state != "foreign-broken":
        return ""
    return (
        f"the certificate in {site.tls_dir} is not one that setup made, and cannot be used: {seen.why}. Repair it, or"
        " move cert.pem and key.pem away and run setup again: it then makes a self-signed one"
    )


def _data_problem(data_dir: Path) -> str:
    """As the daemon would refuse it, but before anything is asked."""
    for path in (data_dir, *(data_dir / name for name in (".aimx", "inbox", "sent"))):
        try:
            status = os.stat(path) if path == data_dir else os.lstat(path)
        except FileNotFoundError:
            if path == data_dir and os.path.islink(path):
                return f"{path} is a link to nothing; make what it points to, or remove it"
            continue
        except OSError as error:
            return f"{path} cannot be used: {error.strerror}"
        if not stat.S_ISDIR(status.st_mode):
            return f"{path} is not a directory; move it away and run setup again"
        if status.st_uid != os.geteuid():
            return f"{path} belongs to uid {status.st_uid}, not to root; run: chown root:root {path}"
        if status.st_mode & 0o022:
            return f"{path} can be written by others than root; run: chmod go-w {path}"
    return ""


def _log_problem(path: Path) -> str:
    """It is writable for all once it is there, so it has to be root's directory and no link."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be used: {error.strerror}"
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return f"{path} is not a directory of root's; move it away and run setup again"
    return ""


def _missing(data_dir: Path, config: Config | None, directory: accounts.Directory) -> tuple[str, ...]:
    """Directories of mailboxes whose owner there is, or will be."""
    if config is None:
        return ()
    return tuple(
        f"{one.folder}/{one.mailbox}"
        for one in disk.directories(data_dir, disk.configured(config))
        if one.state == "missing" and _resolves(config.mailboxes[one.mailbox].owner, directory)
    )


def _resolves(owner: str, directory: accounts.Directory) -> bool:
    return owner == accounts.CATCHALL or directory.entry(owner) is not None


def _unresolved(config: Config | None, directory: accounts.Directory) -> tuple[str, ...]:
    boxes = config.mailboxes.values() if config is not None else ()
    return tuple(
        f"there is no user {box.owner}, who owns mailbox {box.name}: its mail waits until there is"
        for box in boxes
        if not _resolves(box.owner, directory)
    )


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except OSError:
        return None


def _readme(data_dir: Path) -> bool:
    """Whether there is one that the daemon would leave as it is."""
    try:
        fd = files.open_directory(str(data_dir))
    except OSError:
        return False
    try:
        return not readme.stale(fd)
    except OSError:
        return False
    finally:
        os.close(fd)


def told(site: Site, ground: Ground, service: str) -> tuple[tuple[str, str], ...]:
    """The facts for people, by name."""
    config, seen = ground.config, ground.certificate
    users = ", ".join(sorted(ground.users)) or "none yet"
    mailboxes = f"{config.domain}, {len(config.mailboxes)} mailboxes" if config is not None else "none"
    installed = "as it should be" if ground.service else "not there, or another"
    return (
        ("configuration", f"{site.config_file}: {mailboxes}"),
        ("users", users),
        ("DKIM pair", {"good": "there", "missing": "none", "public": "without its public key"}[ground.pair]),
        ("certificate", f"{site.tls_dir}: {_CERTIFICATES[seen.state]}{f' ({seen.why})' if seen.why else ''}"),
        ("mail", f"{ground.data_dir}: {'there' if ground.tree else 'not there, or not whole'}"),
        ("service", f"{service}: {installed}, {'running' if ground.active else 'not running'}"),
        *(("odd", text) for text in ground.warnings),
    )


_CERTIFICATES: dict[certificate.State, str] = {
    "missing": "none", "good": "one that setup made", "broken": "broken", "ending": "to be renewed",
    "foreign": "one of yours, which stays", "foreign-broken": "one of yours, broken",
}  # fmt: skip
