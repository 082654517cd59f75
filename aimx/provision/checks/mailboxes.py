"""Can every mailbox take mail, and does everything that lies there belong to one?"""

import shlex

from aimx import limits
from aimx.provision.checks.finding import Finding, Findings, ours, reload, sudo
from aimx.provision.facts import Directory, Facts, Owner

_MODE = 0o700  # guide
CATCHALL_USER = "aimx-catchall"


def owners(facts: Facts) -> Findings:
    """An owner that does not resolve: its mail waits in the spool and its hooks are skipped (U6)."""
    for owner in facts.owners:
        if owner.uid is not None:
            continue
        boxes = ", ".join(box.name for box in facts.mailboxes if box.owner == owner.name)
        useradd = f"sudo useradd --system --no-create-home --shell /usr/sbin/nologin {shlex.quote(owner.name)}"
        if owner.name == CATCHALL_USER:
            text = f"The system user {CATCHALL_USER} does not exist: mail of {boxes} waits in the spool"
            yield Finding("CATCHALL-USER-MISSING", "fail", text, (useradd, *reload(facts)))
            continue
        text = f"The owner {owner.name} of {boxes} does not resolve: its mail waits in the spool, its hooks do not run"
        yield Finding("MAILBOX-OWNER-ORPHAN", "fail", text, (useradd, *reload(facts)))


def directories(facts: Facts) -> Findings:
    """Each directory: there, a directory, its owner's, and nobody else's."""
    owners_ = {owner.name: owner for owner in facts.owners}
    boxes = {box.name: box.owner for box in facts.mailboxes}
    for directory in facts.directories:
        owner = owners_.get(boxes.get(directory.mailbox) or "")
        if owner is not None and owner.uid is not None:
            yield from _directory(facts, directory, owner)


def _directory(facts: Facts, found: Directory, owner: Owner) -> Findings:
    path, who = found.path, owner.name
    make = ("install", "-d", "-m", "700", *(("-o", who, "-g", str(owner.gid)) if facts.as_root else ()), path)
    if found.state == "missing":
        text = f"{path} is missing; the daemon makes it when the next mail comes or at its next start"
        yield Finding("MAILBOX-DIR-MISSING", "warn", text, (sudo(facts, *make),))
    elif found.state == "not-a-directory":
        text = f"{path} is not a directory: mail of {found.mailbox} waits in the spool"
        move = sudo(facts, "mv", path, f"{path}.away")
        yield Finding("MAILBOX-DIR-NOT-DIR", "fail", text, (move, sudo(facts, *make)))
    elif found.foreign_device:
        text = f"{path} is a mount point: mail of {found.mailbox} waits in the spool"
        yield Finding(
            "MAILBOX-DIR-DEVICE", "fail", text, (f"mount a file system on {facts.data_dir} as a whole instead",)
        )
    elif found.state == "present":
        yield from _ownership(facts, found, owner)


def _ownership(facts: Facts, found: Directory, owner: Owner) -> Findings:
    path, who = found.path, owner.name
    if found.uid != owner.uid:
        text = f"{path} belongs to uid {found.uid}, not to {who}: mail of {found.mailbox} waits in the spool"
        fix = sudo(facts, "chown", "--no-dereference", f"{who}:", path)
        yield Finding("MAILBOX-DIR-OWNER-DRIFT", "fail", text, (fix,))
    elif owner.gid is not None and found.gid != owner.gid:
        text = f"{path} has group {found.gid}, not the primary one of {who}"
        fix = sudo(facts, "chgrp", "--no-dereference", str(owner.gid), path)
        yield Finding("MAILBOX-DIR-GROUP-DRIFT", "warn", text, (fix,))
    if found.mode != _MODE:
        text = f"{path} has mode {found.mode:04o}, not 0700; the daemon sets it right when the next mail comes"
        yield Finding("MAILBOX-DIR-MODE-DRIFT", "warn", text, (sudo(facts, "chmod", "700", path),))


def strays(facts: Facts) -> Findings:
    """Mail without a mailbox. What a delete leaves empty is nobody's trouble (guide)."""
    full = [stray for stray in facts.strays if stray.messages != 0]
    for stray in full[: limits.DOCTOR_STRAYS]:
        count = "mail" if stray.messages is None else f"{stray.messages} message{'s' * (stray.messages != 1)}"
        text = f"{stray.path} holds {count}, and no mailbox of the configuration has that name"
        yield Finding("ORPHAN-STORAGE", "warn", text, (sudo(facts, "ls", "-l", stray.path),))
    if len(full) > limits.DOCTOR_STRAYS:
        text = f"{len(full) - limits.DOCTOR_STRAYS} more directories of mail belong to no mailbox"
        yield Finding("ORPHAN-STORAGE", "warn", text)


def spool(facts: Facts) -> Findings:
    """Copies that an owner's directory refused (R3)."""
    for waiting in facts.books.waiting if facts.books is not None else ():
        hours = int((facts.now - waiting.since) // 3600)
        age = f"for {hours} h" if hours > 0 else "for less than an hour"
        copies = "1 message" if waiting.copies == 1 else f"{waiting.copies} messages"
        wait = "waits" if waiting.copies == 1 else "wait"
        reason, _, command = waiting.reason.partition("; run: ")
        text = f"{copies} for {waiting.mailbox} {wait} in the spool {age}: {reason}"
        fix = (f"{'sudo ' * facts.as_root}{command}",) if command else ()
        if facts.config is not None and waiting.mailbox not in facts.config.mailboxes:
            fix = (ours(facts, "mailboxes", "create", waiting.mailbox),)
        yield Finding("SPOOL-WAITING", "fail", text, fix)


CHECKS = (owners, directories, strays, spool)
