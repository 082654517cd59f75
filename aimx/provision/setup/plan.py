"""From what stands and what is wanted to what is to be done, in order. Pure: the same facts give the same plan.

The order is such that wherever it ends, the next run finds the rest to do: the configuration comes after all that it
needs, and the service after everything.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from aimx.config import fresh
from aimx.provision.setup import accounts
from aimx.provision.setup.api import Answers, Change
from aimx.provision.setup.site import Site
from aimx.provision.setup.survey import Ground

Name = Literal[
    "user-worker", "user-catchall", "stop", "pair", "certificate", "logs", "tree", "config", "domain", "mailboxes",
    "readme", "service", "start", "ready",
]  # fmt: skip


class Places(NamedTuple):
    """Where things go, for people."""

    service: str
    pair: str


def changes(site: Site, places: Places, ground: Ground, answers: Answers) -> tuple[Change, ...]:
    """What `install` has to do; empty when nothing is left."""
    return tuple(Change(name, what, where) for name, what, where in _changes(site, places, ground, answers))


def moving(ground: Ground, answers: Answers) -> bool:
    """Whether the configured domain becomes another one."""
    return ground.config is not None and ground.config.domain.lower() != answers.domain.lower()


def with_catchall(ground: Ground, answers: Answers) -> bool:
    """A configuration that is there decides for itself whether it has one."""
    if ground.config is None:
        return answers.catchall
    return any(box.catchall for box in ground.config.mailboxes.values())


def _changes(site: Site, places: Places, ground: Ground, answers: Answers) -> Iterator[tuple[Name, str, str]]:
    certificate = not ground.certificate.serves(answers.domain)
    fresh_config, moves = ground.config is None, moving(ground, answers)
    folders = _folders(ground, answers)
    rests = ground.active and bool(certificate or moves or folders or not ground.tree or not ground.service)
    if accounts.WORKER not in ground.users:
        yield "user-worker", f"Create the system user {accounts.WORKER}, as whom mail is parsed", ""
    if _needs_catchall_user(ground, answers):
        yield "user-catchall", f"Create the system user {accounts.CATCHALL}, who owns the catchall mailbox", ""
    if rests:
        yield "stop", "Stop the service for a moment", ""
    if ground.pair != "good":
        missing = ground.pair == "missing"
        yield "pair", "Generate the DKIM key pair" if missing else "Write the public key again", places.pair
    if certificate:
        again = "" if ground.certificate.state == "missing" else " anew"
        yield "certificate", f"Make a self-signed certificate for {answers.domain}{again}", str(site.tls_dir)
    if not ground.logs:
        yield "logs", "Make the directory where hooks may log", str(site.log_dir)
    if not ground.tree:
        yield "tree", "Make the directories of the mail", str(ground.data_dir)
    if fresh_config:
        yield "config", f"Write the configuration{_policy(answers)}", str(site.config_file)
    elif moves:
        assert ground.config is not None
        old = ground.config.domain
        yield "domain", f"Change {old} to {answers.domain} in the configuration", str(site.config_file)
    if folders:
        yield "mailboxes", f"Make the mailbox directories {', '.join(folders)}", str(ground.data_dir)
    if not ground.readme:
        yield "readme", "Write the README of the mail", str(ground.data_dir)
    if rests or not (ground.active and ground.service):  # its file may be there, and not yet known to init
        yield "service", "Install the service, which starts at every boot", places.service
    if rests or not ground.active:
        yield "start", "Start `aimx serve`", ""
        yield "ready", f"Wait for it to answer on its socket and port {site.smtp[1]}", ""


def _folders(ground: Ground, answers: Answers) -> tuple[str, ...]:
    """The catchall sends nothing, and has no directory for that."""
    if ground.config is not None:
        return ground.missing
    return (f"inbox/{fresh.CATCHALL}",) if answers.catchall else ()


def _needs_catchall_user(ground: Ground, answers: Answers) -> bool:
    if accounts.CATCHALL in ground.users or not with_catchall(ground, answers):
        return False
    if ground.config is None:
        return True
    return any(box.owner == accounts.CATCHALL for box in ground.config.mailboxes.values())


def _policy(answers: Answers) -> str:
    catchall = "a catchall mailbox" if answers.catchall else "no catchall"
    trust = 'trust = "verified"' if answers.senders else 'trust = "none"'
    return f": {answers.domain}, {trust}, {catchall}"
