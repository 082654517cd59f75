"""Linux accounts by name (getpwnam, getgrouplist)."""

import os
import pwd
from typing import NamedTuple


class Account(NamedTuple):
    """What a hook and a mailbox directory need to know of their owner."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[int, ...]


class Identity(NamedTuple):
    """What ownership of a directory needs; cheap to find, unlike the groups of an Account."""

    name: str
    uid: int
    gid: int


class Accounts:
    """Resolves owners. A daemon that is not root uses its own identity for everybody (S1)."""

    def __init__(self, as_root: bool) -> None:
        self.as_root = as_root

    def identity(self, name: str) -> Identity | None:
        """Name, uid and primary gid now (never cached: a uid may be given to somebody else), or None."""
        if not self.as_root:
            return Identity(name, os.geteuid(), os.getegid())
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):
            return None
        return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def by_uid(self, uid: int) -> Identity | None:
        """Who this is, or None: a uid need not have a name."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            return None
        return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def find(self, name: str) -> Account | None:
        """The account, or None when it does not resolve."""
        if not self.as_root:
            return own_account(name)
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):  # ValueError: a NUL or a surrogate in the name
            return None
        groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell, groups)


def own_account(name: str) -> Account:
    """The daemon's own identity, under the name that the configuration uses."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(name, uid, gid, "/", "/bin/sh", (gid,))
    return Account(name, uid, gid, entry.pw_dir, entry.pw_shell, tuple(os.getgroups()))
