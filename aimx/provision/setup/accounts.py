"""System users of aimx: found in the account database, made by `useradd` or BusyBox's `adduser`.

Never changes or removes an account that is there.
"""

import grp
import pwd
from pathlib import Path
from typing import NamedTuple

from aimx import limits
from aimx.effects import commands
from aimx.effects.accounts import Accounts, Identity
from aimx.errors import Failed

WORKER, CATCHALL = "aimx-worker", "aimx-catchall"
_NO_SHELL = ("", "/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/nologin")
_NO_HOME = "/nonexistent"
_THERE = 9  # exit code of useradd: somebody else was faster


class Entry(NamedTuple):
    """A line of passwd(5)."""

    name: str
    uid: int
    gid: int
    shell: str

    @property
    def odd(self) -> str:
        """What is unusual about it for a user of ours; empty when nothing is."""
        if self.uid == 0:
            return f"user {self.name} is root under another name"
        if self.uid >= limits.SYSTEM_UIDS:
            return f"user {self.name} has uid {self.uid}, which is a person's, not a system user's"
        if self.shell not in _NO_SHELL:
            return f"user {self.name} may log in (shell {self.shell})"
        return ""


class Directory(Accounts):
    """The accounts of the machine below `root`."""

    def __init__(self, root: Path) -> None:
        super().__init__(as_root=True)
        self._root = root

    def entry(self, name: str) -> Entry | None:
        """The account, or None."""
        if self._root == Path("/"):
            try:
                found = pwd.getpwnam(name)
            except (KeyError, ValueError):
                return None
            return Entry(found.pw_name, found.pw_uid, found.pw_gid, found.pw_shell)
        line = self._line("passwd", name)
        return Entry(line[0], int(line[2]), int(line[3]), line[6]) if line else None

    def identity(self, name: str) -> Identity | None:
        """Name, uid and primary gid, or None."""
        found = self.entry(name)
        return Identity(found.name, found.uid, found.gid) if found is not None else None

    def group(self, name: str) -> bool:
        """Whether there is a group of that name."""
        if self._root == Path("/"):
            try:
                return bool(grp.getgrnam(name))
            except (KeyError, ValueError):
                return False
        return self._line("group", name) is not None

    def _line(self, database: str, name: str) -> list[str] | None:
        try:
            lines = (self._root / "etc" / database).read_text().splitlines()
        except FileNotFoundError:
            return None
        return next((line.split(":") for line in lines if line.startswith(f"{name}:")), None)


def tool() -> str | None:
    """The program that makes users here; None: there is none that we know."""
    return next((name for name in ("useradd", "adduser") if commands.find(name) is not None), None)


def by_hand(names: tuple[str, ...]) -> str:
    """What somebody types where there is no such program."""
    return (
        f"neither useradd nor adduser is installed, and aimx needs the system user{'s' if len(names) > 1 else ''}"
        f" {' and '.join(names)}. Install one (Debian: apt install passwd; Alpine: apk add shadow; Fedora: dnf install"
        " shadow-utils) and run `sudo aimx setup` again"
    )


async def create(directory: Directory, name: str) -> None:
    """Make a system user without home and shell, with a group of its own. Raises: Failed."""
    program = tool()
    if program is None:
        raise Failed(by_hand((name,)))
    for argv in _words(program, name, directory.group(name)):
        ran = await commands.run(argv, limits.COMMAND_S)
        if not ran.ok and not (ran.code == _THERE and directory.entry(name) is not None):
            raise Failed(f"`{' '.join(argv)}` failed: {ran.why}")
    if directory.entry(name) is None:
        raise Failed(f"{program} ended well, but there is no user {name}; make it by hand and run setup again")


def _words(program: str, name: str, group: bool) -> tuple[tuple[str, ...], ...]:
    """The commands. A group of that name may be there already, from an attempt that did not get further."""
    if program == "useradd":
        of = ("--gid", name) if group else ("--user-group",)
        nowhere = ("--no-create-home", "--home-dir", _NO_HOME, "--shell", "/usr/sbin/nologin")
        return (("useradd", "--system", *of, *nowhere, name),)
    # BusyBox: options of one letter, and without -G a system user's group is nogroup.
    user = ("adduser", "-S", "-D", "-H", "-h", _NO_HOME, "-s", "/sbin/nologin", "-G", name, "-g", name, name)
    return (user,) if group else (("addgroup", "-S", name), user)
