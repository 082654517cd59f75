"""Runs of `aimx upgrade` on machines in directories, many: one process has loaded the program and forks for each.

A run may be killed, interrupted, or meet a full disk at its n-th change of a file or start of a program.
"""

import json
import subprocess
import sys
from contextlib import AbstractContextManager
from typing import NamedTuple

from tests import releases
from tests.upgrades import Machine

_SERVER = """
import errno, json, os, signal, sys
from pathlib import Path
import trio, tarfile, encodings.idna
import aimx.cli.main, aimx.cli.parsing, aimx.cli.upgrade, aimx.config.load, aimx.config.suggest
import aimx.provision.upgrade.story, aimx.provision.upgrade.interruption, aimx.provision.upgrade.refusal
from aimx import built, limits
from aimx.cli import diagnostics, main
from aimx.provision.setup.site import Site

limits.UPGRADE_SETTLE_S, limits.SERVICE_LOOK_S = 0.05, 0.02
CHANGES = {"os.rename", "os.mkdir", "os.chmod", "os.chown", "os.remove", "os.rmdir", "os.link", "subprocess.Popen"}

def trap(asked):
    seen = [0]
    def hook(event, args):
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        if not (writes or event in CHANGES) or (writes and str(args[0]).startswith("/dev/")):
            return
        seen[0] += 1
        if seen[0] == asked.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if seen[0] == asked.get("interrupt"):
            os.kill(os.getpid(), asked["signal"])
        if seen[0] == asked.get("fail"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "disk")
    sys.addaudithook(hook)
    return seen

def play(asked, counted):
    os.environ.clear(); os.environ.update(asked["env"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if asked.get("unread"):
        unread, end = os.pipe()
        os.close(unread)
        os.dup2(end, 1), os.dup2(end, 2)
    if asked.get("ignored"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys._xoptions["aimx_bundle"] = asked["program"]
    built.TAG, built.TARGET, built.KEYS = asked["tag"], asked["target"], tuple(asked["keys"])
    site = Site(Path(asked["tree"], "etc/aimx"), None, Path(asked["tree"], "run/aimx/aimx.sock"), Path(asked["tree"]),
                smtp=("127.0.0.1", asked["port"]), program=(asked["program"],))
    seen = trap(asked)
    try:
        options = main.parser(main.find("upgrade")).parse_args(asked["words"])
        code = aimx.cli.upgrade.run(options, site)
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        code = diagnostics.failed(error)
    sys.stdout.flush(); sys.stderr.flush()
    os.pwrite(counted, str(seen[0]).encode(), 0)
    os._exit(code)

for line in sys.stdin:
    asked = json.loads(line)
    counted, out, err = (os.memfd_create(name) for name in ("counted", "out", "err"))
    child = os.fork()
    if child == 0:
        os.setsid()
        for number, fd in enumerate((os.open("/dev/null", os.O_RDONLY), out, err)):
            os.dup2(fd, number)
        play(asked, counted)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = [os.pread(fd, 1 << 24, 0).decode() for fd in (out, err)]
    count = int(os.pread(counted, 32, 0) or b"0")
    for fd in (counted, out, err):
        os.close(fd)
    print(json.dumps([status, *said, count]), flush=True)
"""


class Done(NamedTuple):
    """How a run ended. `changes`: how many files it changed and programs it started, looks included."""

    code: int
    out: str
    err: str
    changes: int


class Runs(AbstractContextManager["Runs"]):
    """`run` is one `aimx upgrade`, by the program that lies at its place on that machine."""

    def __init__(self, url: str, key: releases.Key) -> None:
        self.url, self.key = url, key
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=pipe, stdout=pipe, text=True)

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, machine: Machine, *words: str, tag: str = "", **more: object) -> Done:
        """`tag`: of the program that runs; else of the one at its place. `more`: `kill`, `fail`, `unread` …"""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {
            "tree": str(machine.tree), "program": str(machine.program), "port": machine.port, "words": words,
            "tag": tag or machine.tag(), "target": releases.TARGET, "keys": [self.key.public],
            "env": {"PATH": machine.path, "AIMX_RELEASE_MANIFEST_URL": self.url, "LANG": "C.UTF-8"}, **more,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))
