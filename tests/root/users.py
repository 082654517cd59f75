"""Real users for tests that run as root, with names of their own so that two runs never meet."""

import contextlib
import pwd
import secrets
import subprocess
import sys
import time

WORKER = "aimx-worker"


def add(name: str) -> pwd.struct_passwd:
    """A system user without a home; waits its turn where another run edits the accounts."""
    argv = ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin", name]
    for _ in range(20):
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode in (0, 9):  # 9: it exists
            return pwd.getpwnam(name)
        time.sleep(0.2)
    raise AssertionError(done.stderr)


def remove(name: str) -> None:
    """The user and its group."""
    for _ in range(20):
        if subprocess.run(["userdel", name], capture_output=True).returncode in (0, 6):
            return
        time.sleep(0.2)


def need_worker() -> None:
    """A daemon that runs as root refuses to start without the user of its helpers; setup would have made it."""
    if WORKER not in {entry.pw_name for entry in pwd.getpwall()}:
        add(WORKER)


@contextlib.contextmanager
def users(*letters: str):
    """Users by letter, removed at the end; the worker's user exists too."""
    need_worker()
    token = secrets.token_hex(4)  # a process id says little: tests run in namespaces too
    names = {letter: f"aimxt-{letter}-{token}" for letter in letters}
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
    """Python as that user, with nothing of root's groups."""
    argv = [sys.executable, "-I", "-c", DROP, str(user.pw_uid), str(user.pw_gid), code, *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(user: pwd.struct_passwd, code: str, *arguments: object) -> str:
    """What the code prints as that user; its error when it fails."""
    out, err = start(user, code, *arguments).communicate(timeout=60)
    return out + err
