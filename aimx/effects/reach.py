"""Can a user reach and run a program, or enter a directory? Asked by a privileged process on behalf of that user.

Walks the path as the user would, and looks at nothing behind a directory that the user cannot enter: what is there is
told to nobody. Judges by mode bits; access lists are not seen. Never opens or runs anything.
"""

import os
import stat
from typing import NamedTuple

from aimx.effects.accounts import Account

_LINKS = 40  # MAXSYMLINKS of the kernel


class _Blocked(Exception):
    """The text says what is in the way."""


class _Place(NamedTuple):
    path: str
    status: os.stat_result


def program_obstacle(path: str, account: Account, sandboxed: bool = False) -> str:
    """Why the account cannot run the program; empty when it can. `sandboxed`: as a unit of systemd."""
    try:
        found = _walk(path, account)
    except _Blocked as reason:
        return str(reason)
    if not stat.S_ISREG(found.status.st_mode):
        return f"{path} is no file"
    if not _may(found.status, account):
        return f"{path} is not executable for {account.name}"
    if sandboxed and found.path.startswith("/dev/"):
        return f"{path} is below /dev, of which a hook has its own"
    return f"{path} is on a file system that is mounted noexec" if _noexec(found.path) else ""


def without_privileges(path: str, account: Account) -> bool:
    """Whether a program would raise privileges (set-uid, set-gid), which none does in a sandbox."""
    try:
        return bool(_walk(path, account).status.st_mode & (stat.S_ISUID | stat.S_ISGID))
    except _Blocked:
        return False


def directory_obstacle(path: str, account: Account) -> str:
    """Why the account cannot enter the directory; empty when it can."""
    try:
        found = _walk(path, account)
    except _Blocked as reason:
        return str(reason)
    return _entering(found, account) if stat.S_ISDIR(found.status.st_mode) else f"{path} is no directory"


def _walk(path: str, account: Account) -> _Place:
    at = _Place("/", os.stat("/"))
    rest = [part for part in path.split("/") if part]
    links = 0
    while rest:
        if reason := _entering(at, account):
            raise _Blocked(reason)
        part = rest.pop(0)
        if part in (".", ".."):
            at = _look(os.path.dirname(at.path) if part == ".." else at.path)
            continue
        found = _look(os.path.join(at.path, part))
        if not stat.S_ISLNK(found.status.st_mode):
            at = found
            continue
        links += 1
        if links > _LINKS:
            raise _Blocked(f"{path}: too many symbolic links")
        target = os.readlink(found.path)
        rest = [part for part in target.split("/") if part] + rest
        if target.startswith("/"):
            at = _look("/")
    return at


def _look(path: str) -> _Place:
    if path == "/proc":  # its links lead where only the process they belong to could go
        raise _Blocked("what is below /proc is not looked into")
    try:
        return _Place(path, os.lstat(path))
    except OSError as error:
        raise _Blocked(f"{path}: {error.strerror}") from error


def _noexec(path: str) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_NOEXEC)
    except OSError:  # it has gone a moment ago
        return False


def _entering(at: _Place, account: Account) -> str:
    if not stat.S_ISDIR(at.status.st_mode):
        return f"{at.path} is no directory"
    return "" if _may(at.status, account) else f"{at.path} cannot be entered by {account.name}"


def _may(status: os.stat_result, account: Account) -> bool:
    """Execute for a file, search for a directory (path_resolution(7))."""
    if account.uid == 0:
        return stat.S_ISDIR(status.st_mode) or bool(status.st_mode & 0o111)
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in (account.gid, *account.groups):
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
