"""Real users for tests that run as root, with names of their own so that two runs never meet."""

import contextlib
import pwd
import secrets
import subprocess
import sys
import time

WORKER = "aimx-worker"
PATIENCE_S = 60.0
EXISTS, MISSING = 9, 6  # exit codes of useradd and userdel


def add(name: str, *more: str) -> pwd.struct_passwd:
    """A system user without a home; `more` are options of useradd in place of a group of its own."""
    group = more or ("--user-group",)
    _edit(["useradd", "--system", "--no-create-home", *group, "--shell", "/usr/sbin/nologin", name], EXISTS)
    return pwd.getpwnam(name)


def remove(name: str) -> None:
    """The user and its group."""
    _edit(["userdel", name], MISSING)


def join(name: str, group: str) -> None:
    """Make the user a member of a group too."""
    _edit(["usermod", "-aG", group, name], 0)


def _edit(argv: list[str], done_already: int) -> None:
    """Waits its turn where another run edits the accounts, and for the last process of a user who goes."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode in (0, done_already):
            return
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)


def unique(letter: str) -> str:
    """A user name that no other run has: a process id says little, tests run in namespaces too."""
    return f"aimxt-{letter}-{secrets.token_hex(4)}"


def need_worker() -> None:
    """A daemon that runs as root refuses to start without the user of its helpers; setup would have made it."""
    if WORKER not in {entry.pw_name for entry in pwd.getpwall()}:
        add(WORKER)


@contextlib.contextmanager
def users(*letters: str):
    """Users by letter, removed at the end; the worker's user exists too."""
    need_worker()
    names = {letter: unique(letter) for letter in letters}
    try:
        yield {letter: add(name) for letter, name in names.items()}
    finally:
        for name in names.values():
            remove(name)


# The interpreter may lie where the user cannot reach it, so it starts as root and has all it needs before it drops.
DROP = """
import os, shutil, socket, stat, sys, time
uid, gid, code = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
del sys.argv[1:4]
os.chdir("/")
os.setgroups([]); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
exec(code)
"""


def start(user: pwd.struct_passwd, code: str, *arguments: object) -> subprocess.Popen:
    """Python as that user, with nothing of root's groups; its input ends with `communicate`."""
    argv = [sys.executable, "-I", "-c", DROP, str(user.pw_uid), str(user.pw_gid), code, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def run(user: pwd.struct_passwd, code: str, *arguments: object) -> str:
    """What the code prints as that user; its error when it fails."""
    out, err = start(user, code, *arguments).communicate(timeout=60)
    return out + err
