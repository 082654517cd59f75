"""Run as a hook: write down what a hook can see and do. `probe.py REPORT [WORD...]`. Only the standard library."""

import contextlib
import errno
import json
import os
import socket
import stat
import sys

TRIED = (
    "/", "/etc", "/usr", "/usr/local/bin", "/opt/aimx", "/var/lib", "/var/lib/aimx", "/var/lib/aimx/.aimx", "/boot",
    "/root", "/home", "/home/alice", "/srv/bob", "/srv", "/run", "/run/aimx", "/tmp", "/var/tmp", "/var/log",
    "/var/log/aimx", "/dev", "/dev/shm", ".", os.environ["HOME"],
)  # fmt: skip


def attempt(directory: str) -> str:
    """Make a file there: `ok`, or the name of the error."""
    path = os.path.join(directory, f".probe-{os.getpid()}")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(path)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def set_hostname() -> str:
    """Something that takes a capability and changes nothing."""
    try:
        socket.sethostname(os.uname().nodename)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def device(path: str) -> str:
    """The kind of file, with the numbers of a device."""
    found = os.lstat(path)
    for kind, test in (("link", stat.S_ISLNK), ("directory", stat.S_ISDIR), ("pipe", stat.S_ISFIFO)):
        if test(found.st_mode):
            return kind
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        letter = "c" if stat.S_ISCHR(found.st_mode) else "b"
        return f"{letter}{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return "file"


def descriptors() -> dict[str, str]:
    """What is open, without the descriptor that reads the list."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return {name: target for name, target in found.items() if target != f"/proc/{os.getpid()}/fd"}


def main() -> None:
    umask = os.umask(0)
    os.umask(umask)
    with open("/proc/self/environ", "rb") as file:
        environment = file.read().decode(errors="surrogateescape").split("\0")[:-1]
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    with open("/proc/self/cgroup") as file:
        groups = dict(line.rstrip("\n").split(":", 2)[1:] for line in file)
    with open("/proc/self/limits") as file:
        limits = {line[:26].strip(): line[26:].split() for line in file}
    report = {
        "argv": sys.argv[2:],
        "environment": dict(line.split("=", 1) for line in environment),
        "twice": len(environment) - len({line.split("=", 1)[0] for line in environment}),
        "uids": os.getresuid(),
        "gids": os.getresgid(),
        "groups": sorted(os.getgroups()),
        "cwd": os.getcwd(),
        "umask": umask,
        "status": status,
        "cgroups": groups,
        "limits": limits,
        "leads_session": os.getsid(0) == os.getpid() == os.getpgrp(),
        "descriptors": descriptors(),
        "devices": {name: device(f"/dev/{name}") for name in sorted(os.listdir("/dev"))},
        "writes": {directory: attempt(directory) for directory in TRIED},
        "sethostname": set_hostname(),
        "stdin": sys.stdin.buffer.read().decode(errors="surrogateescape"),
    }
    with open(sys.argv[1] + ".new", "w") as file:
        json.dump(report, file)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    print("said on stdout")
    print("said on stderr", file=sys.stderr)


main()
