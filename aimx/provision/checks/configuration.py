"""Is config.toml there, valid, private enough, and the one that is in force?"""

import shlex

from aimx.provision.checks.finding import Finding, Findings, look_again, ours, reload, sudo
from aimx.provision.facts import Facts

_SETUP = "sudo aimx setup"
_MODE = 0o640  # guide


def file(facts: Facts) -> Findings:
    """Missing, unreadable, invalid."""
    found = facts.config_file
    if found.state == "missing":
        yield Finding("CONFIG-MISSING", "fail", f"There is no configuration at {found.path}", (_SETUP,))
    elif found.state == "unreadable":
        text = f"{found.path} is not readable for you: trust, hooks and other people's mailboxes were not checked"
        yield Finding("CONFIG-NOT-CHECKED", "skip", text, look_again(facts))
    elif found.state == "broken":
        running = facts.probe.state == "running"
        note = "; the daemon goes on with what it has loaded" if running else ""
        edit = f"{'sudo ' * facts.as_root}{'${EDITOR:-vi}'} {shlex.quote(found.path)}"
        fix = (edit, *(reload(facts) if running else ()))
        yield Finding("CONFIG-INVALID", "fail", f"{found.why}{note}", fix)


def mode(facts: Facts) -> Findings:
    """Whoever writes it decides what runs as every owner; whoever reads it knows whom we trust."""
    found = facts.config_file
    if found.mode is None or found.state == "missing":
        return
    path = found.path
    if found.mode & 0o022:
        text = f"{path} can be written by others (mode {found.mode:04o}): they decide what runs as every mailbox owner"
        yield Finding("CONFIG-WRITABLE", "fail", text, (sudo(facts, "chmod", "0640", path),))
    elif found.mode & 0o007:
        text = f"{path} can be read by everybody (mode {found.mode:04o}); it tells which senders are trusted"
        yield Finding("CONFIG-MODE", "info", text, (sudo(facts, "chmod", f"{_MODE:04o}", path),))
    if facts.as_root and found.uid:
        text = f"{path} belongs to uid {found.uid}, who decides what runs as every mailbox owner"
        yield Finding("CONFIG-OWNER", "fail", text, (sudo(facts, "chown", "root:root", path),))


def in_force(facts: Facts) -> Findings:
    """A file that differs from what is loaded is never adopted by itself (U7)."""
    status = facts.probe.status
    if status is not None and status.config.differs and facts.config_file.state in ("read", "unreadable"):
        text = f"{facts.config_file.path} is not what the daemon has loaded"
        yield Finding("CONFIG-DIFFERS", "warn", text, reload(facts))


def warnings(facts: Facts) -> Findings:
    """What is odd but harmless: keys that nobody knows, patterns that match nobody, addresses elsewhere."""
    for warning in facts.config.warnings if facts.config is not None else ():
        yield Finding("CONFIG-WARNING", "warn", warning)


def allowed(facts: Facts) -> Findings:
    """What was switched off on purpose, so that nobody forgets it."""
    if facts.config is not None and facts.config.allow_private_mx:
        text = "allow_private_mx is set: mail is delivered to servers at private and loopback addresses too"
        yield Finding("PRIVATE-MX-ALLOWED", "info", text)


def postmaster(facts: Facts) -> Findings:
    """RFC 5321 section 4.5.1 wants somebody to read it (R1)."""
    config = facts.config
    if config is None or config.postmaster is not None or not config.mailboxes:
        return
    addresses = {box.address.lower() for box in config.mailboxes.values()}
    named = any(name.lower() == "postmaster" for name in config.mailboxes)
    if (
        named
        or f"postmaster@{config.domain.lower()}" in addresses
        or any(b.catchall for b in config.mailboxes.values())
    ):
        return
    owner = next(iter(config.mailboxes.values())).owner
    text = f"Mail to postmaster@{config.domain} is refused: there is neither such a mailbox nor a catchall"
    fix = ours(facts, "mailboxes", "create", "postmaster", "--owner", owner)
    yield Finding("POSTMASTER-MISSING", "warn", text, (fix,))


CHECKS = (file, mode, in_force, warnings, allowed, postmaster)
