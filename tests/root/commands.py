"""Commands as real users, many a second: one process has loaded the program and becomes the user in a fork of its own.

The interpreter may lie where no user can read it, so everything is imported before.
"""

import json
import subprocess
import sys
from contextlib import AbstractContextManager
from typing import NamedTuple

_SERVER = """
import codecs, encodings.idna, importlib, json, os, pkgutil, shutil, sys, traceback
import aimx.cli, aimx.provision, aimx.daemon.local, aimx.demo.play, aimx.effects.build
for package in (aimx.cli, aimx.provision):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
for name in "locale gettext textwrap difflib tomllib tomlkit glob stat secrets signal pty".split():
    importlib.import_module(name)
from aimx.cli import main

def play(asked, files):
    null = os.open("/dev/null", os.O_RDONLY)
    for number, fd in enumerate((null, *files)):
        os.dup2(fd, number)
    os.chdir("/")
    if asked["uid"] != os.geteuid():
        os.setgroups([]); os.setresgid(asked["uid"], asked["uid"], asked["uid"])
        os.setresuid(asked["uid"], asked["uid"], asked["uid"])
    os.environ.clear(); os.environ.update(asked["env"])
    sys.argv[:] = ["aimx", *asked["words"]]
    code = 0
    try:
        main.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush(); sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    files = os.memfd_create("out"), os.memfd_create("err")
    child = os.fork()
    if child == 0:
        play(json.loads(line), files)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = [os.pread(fd, 1 << 24, 0).decode() for fd in files]
    for fd in files:
        os.close(fd)
    print(json.dumps([code, *said]), flush=True)
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Commands(AbstractContextManager["Commands"]):
    """`run` is one command of `aimx`, with an empty standard input and no terminal."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        argv = [sys.executable, "-c", _SERVER]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0

    def run(self, uid: int, *words: str) -> Done:
        """One command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"uid": uid, "env": self._env, "words": words}) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))
