"""Is there room, are our databases well, is the clock right?"""

from aimx import limits
from aimx.provision.checks.finding import Finding, Findings, flagged, look_again, ours, restart, sudo
from aimx.provision.facts import Facts

_DAMAGED = "mv {0} {0}.damaged; rm -f {0}-wal {0}-shm"


def data_dir(facts: Facts) -> Findings:
    """The directory of the mail itself: whoever may write there could replace a mailbox."""
    found = facts.data_dir_file
    if found is None:
        return
    if found.state == "missing":
        text = f"{found.path} does not exist; the daemon makes it at its start"
        yield Finding("DATA-DIR-MISSING", "fail" if facts.probe.state == "running" else "info", text)
    if found.mode is None or not facts.as_root:
        return
    if found.uid:
        text = f"{found.path} belongs to uid {found.uid}, not to root: the daemon does not start"
        yield Finding("DATA-DIR-OWNER", "fail", text, (sudo(facts, "chown", "root:root", found.path),))
    if found.mode & 0o022:
        text = f"{found.path} can be written by others than root: the daemon does not start"
        yield Finding("DATA-DIR-WRITABLE", "fail", text, (sudo(facts, "chmod", "go-w", found.path),))


def mail_elsewhere(facts: Facts) -> Findings:
    """A `data_dir` that was changed waits for a restart; a flag of the daemon wins over it for good."""
    status, config = facts.probe.status, facts.config
    if status is not None and config is not None and status.data_dir != str(config.data_dir):
        text = f"The daemon keeps mail in {status.data_dir}, {facts.config_file.path} says {config.data_dir}"
        by_flag = facts.probe.data_dir_flag is not None
        fix = (flagged(facts, "doctor"),) if by_flag else restart(facts)
        yield Finding("DATA-DIR-DIFFERS", "info", f"{text}; its --data-dir wins" if by_flag else text, fix)


def room(facts: Facts) -> Findings:
    """Octets and inodes."""
    space = facts.space
    if space is None:
        return
    mebibytes = space.octets_free // limits.MIB
    fix = (f"df -h {space.path}",)
    if space.octets_free < limits.DISK_FULL_OCTETS:
        text = f"{mebibytes} MiB are free at {space.path}: mail is refused for now (451) as long as that is so"
        yield Finding("DISK-FULL", "fail", text, fix)
    elif space.octets_free < limits.DISK_FREE_OCTETS:
        yield Finding("DISK-LOW", "warn", f"{mebibytes} MiB are free at {space.path}", fix)
    if space.inodes and space.inodes_free < space.inodes * limits.DISK_FREE_SHARE:
        text = f"{space.inodes_free} of {space.inodes} inodes are free at {space.path}; every message takes one"
        yield Finding("INODES-LOW", "warn", text, (f"df -i {space.path}",))


def databases(facts: Facts) -> Findings:
    """state.db is kept well by the daemon; index.db can be built anew at any time."""
    books = facts.books
    if books is None:
        return
    private = f"{facts.data_dir}/.aimx"
    if books.state == "broken" or (books.state == "unreadable" and facts.root):
        text = f"{private}/state.db cannot be used: {books.why}"
        stop = facts.init.command("start").replace("start", "stop") if facts.init.service else ""
        fix = tuple(line for line in (stop, sudo(facts, "sh", "-c", _DAMAGED.format(f"{private}/state.db"))) if line)
        yield Finding("STATE-DB", "fail", text, fix if books.state == "broken" else ())
    elif books.state == "unreadable":
        text = "Spool, hook runs and databases were not checked"
        yield Finding("STATE-DB-NOT-CHECKED", "skip", text, look_again(facts))
    elif books.state == "missing" and facts.probe.state == "running":
        text = f"{private}/state.db is not there although the daemon runs: is {facts.data_dir} its data directory?"
        yield Finding("STATE-DB", "warn", text)
    sick = facts.probe.status is not None and not facts.probe.status.index_healthy
    if books.index == "broken" or sick:
        text = "index.db is damaged; lists and searches are slow or incomplete until it is built anew"
        yield Finding("INDEX-DB", "warn", text, (ours(facts, "reindex"),))


def clock(facts: Facts) -> Findings:
    """Signatures carry the time, and so does every file name."""
    if facts.clock_synchronised is False:
        text = "Nothing keeps the clock of this machine right; signatures with a wrong time are refused"
        fix = ("sudo timedatectl set-ntp true",) if facts.init.kind == "systemd" else ()
        yield Finding("CLOCK-NOT-SYNCHRONISED", "info", text, fix)


CHECKS = (data_dir, mail_elsewhere, room, databases, clock)
