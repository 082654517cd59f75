"""A machine in a directory for `aimx setup`: its account database, stand-in programs in PATH, and runs of setup on it.

Runs come from one process that has loaded the program and forks for each; a run may be killed, or fail, at its n-th
change of a file or start of a program.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness import Daemon
from tests.root import users

_SERVER = """
import errno, json, os, pty, signal, subprocess, sys, tempfile, time
from pathlib import Path
import aimx.cli.main, aimx.cli.parsing, aimx.cli.setup, aimx.cli.setup_run, aimx.config.suggest, encodings.idna
from aimx.cli import diagnostics, main
from aimx.effects import linux
from aimx.provision.setup.site import Site

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
        if seen[0] == asked.get("fail"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "disk")
    sys.addaudithook(hook)
    return seen

def hide(paths):
    '''Programs of this machine that the one under test has not got: files that nobody can execute.'''
    linux.unshare(0x00020000)  # CLONE_NEWNS
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for path in filter(os.path.exists, paths):
        with tempfile.NamedTemporaryFile() as nothing:
            subprocess.run(["mount", "--bind", nothing.name, path], check=True)

def play(asked, counted):
    hide(asked["hide"])
    os.environ.clear(); os.environ.update(asked["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tree = Path(asked["tree"])
    options = main.parser(main.find("setup")).parse_args(asked["words"])
    site = Site(tree / "etc/aimx", tree / "var/lib/aimx", Path(asked["socket"]), tree, options.verify_host,
                ("127.0.0.1", asked["port"]), asked["verifier_port"], ("/usr/bin/aimx",))
    seen = trap(asked)
    try:
        code = aimx.cli.setup_run.run(site, options)
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        code = diagnostics.failed(error)
    sys.stdout.flush(); sys.stderr.flush()
    os.pwrite(counted, str(seen[0]).encode(), 0)
    os._exit(code)

def talk(master, child, steps):
    said, at = b"", 0
    steps = list(steps)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
        while steps and steps[0][0].encode() in said[at:]:
            expected, typed = steps.pop(0)
            at = said.index(expected.encode(), at) + len(expected.encode())
            os.write(master, typed.encode())
    return said.decode("utf-8", "replace").replace("\\r\\n", "\\n")

for line in sys.stdin:
    asked = json.loads(line)
    counted, out, err, into = (os.memfd_create(name) for name in ("counted", "out", "err", "in"))
    os.pwrite(into, asked.get("stdin", "").encode(), 0)
    if asked.get("talk") is not None:
        child, master = pty.fork()
        if child == 0:
            sys.stdout = open(1, "w", closefd=False); sys.stderr = open(2, "w", closefd=False)
            sys.stdin = open(0, "r", closefd=False)
            play(asked, counted)
        text = talk(master, child, asked["talk"])
        said = [text, text]
        os.close(master)
    else:
        child = os.fork()
        if child == 0:
            os.setsid()
            for number, fd in enumerate((into, out, err)):
                os.dup2(fd, number)
            sys.stdin = open(0, "r", closefd=False)
            play(asked, counted)
        said = None
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if said is None:
        said = [os.pread(fd, 1 << 24, 0).decode() for fd in (out, err)]
    count = int(os.pread(counted, 32, 0) or b"0")
    for fd in (counted, out, err, into):
        os.close(fd)
    print(json.dumps([status, *said, count]), flush=True)
"""

_USERADD = """#!/bin/sh
echo "useradd $*" >> {tree}/calls
[ -e {tree}/fail-useradd ] && {{ echo "useradd: cannot lock /etc/passwd; try again later." >&2; exit 1; }}
for name; do :; done
grep -q "^$name:" {tree}/etc/passwd && exit 9
uid=$(( 600 + $(wc -l < {tree}/etc/passwd) ))
echo "$name:x:$uid:$uid::/nonexistent:/usr/sbin/nologin" >> {tree}/etc/passwd
echo "$name:x:$uid:" >> {tree}/etc/group
"""
# The option syntax of BusyBox 1.36; `-G` wants a group that exists.
_ADDGROUP = """#!/bin/sh
echo "addgroup $*" >> {tree}/calls
[ "$1" = -S ] && [ $# -eq 2 ] || {{ echo "BusyBox: usage" >&2; exit 1; }}
echo "$2:x:$(( 600 + $(wc -l < {tree}/etc/passwd) )):" >> {tree}/etc/group
"""
_ADDUSER = """#!/bin/sh
echo "adduser $*" >> {tree}/calls
while getopts "h:g:s:G:SDHu:k:" option; do
    case $option in G) group=$OPTARG;; S|D|H|h|g|s) ;; *) exit 1;; esac
done
shift $((OPTIND - 1))
gid=$(sed -n "s/^$group:x:\\([0-9]*\\):.*/\\1/p" {tree}/etc/group)
[ $# -eq 1 ] && [ -n "$gid" ] || {{ echo "adduser: unknown group $group" >&2; exit 1; }}
echo "$1:x:$gid:$gid::/nonexistent:/sbin/nologin" >> {tree}/etc/passwd
"""
_SYSTEMCTL = """#!/bin/sh
while [ "${{1#--}}" != "$1" ]; do shift; done
verb=$1; shift
case $verb in
    show) echo "Result=success"; echo "SubState=running"
          if [ -e {tree}/failed ]; then echo ActiveState=failed; echo Result=exit-code; echo ExecMainStatus=1
          elif [ -e {tree}/active ]; then echo ActiveState=active; else echo ActiveState=inactive; fi; exit;;
esac
echo "systemctl $verb $*" >> {tree}/calls
[ -e {tree}/fail-$verb ] && {{ echo "Failed to $verb unit: access denied" >&2; exit 1; }}
case $verb in
    enable) touch {tree}/enabled;;
    disable) rm -f {tree}/enabled;;
    start|restart) touch {tree}/active; [ -e {tree}/ends-at-once ] && touch {tree}/failed;;
    stop) [ "$1" = aimx ] && rm -f {tree}/active {tree}/failed;;
esac
exit 0
"""
_RC_SERVICE = """#!/bin/sh
if [ "$2" = status ]; then [ -e {tree}/active ]; exit $(( $? * 3 )); fi
echo "rc-service $*" >> {tree}/calls
for verb; do :; done
case $verb in start|restart) touch {tree}/active;; stop) rm -f {tree}/active;; esac
"""
_RC_UPDATE = """#!/bin/sh
echo "rc-update $*" >> {tree}/calls
case "$*" in *" add "*) touch {tree}/enabled;; *) rm -f {tree}/enabled;; esac
"""
_JOURNALCTL = "#!/bin/sh\necho 'the last words of the daemon'\n"


class Done(NamedTuple):
    """How a run ended. `changes`: how many files it changed and programs it started, looks included."""

    code: int
    out: str
    err: str
    changes: int


class Machine:
    """The tree. `adduser`: it has BusyBox's programs instead of useradd; None: neither."""

    def __init__(self, tree: Path, users: str | None = "useradd", init: str = "systemd") -> None:
        self.tree, self.bin = tree, tree / "bin"
        self.hidden = [] if users == "useradd" else ["/usr/sbin/useradd"]
        self.hidden += ["/usr/sbin/adduser"] if users is None else []
        running = "run/systemd/system" if init == "systemd" else "run/openrc"
        for name in (running, "etc/init.d", "var/lib", "var/log", "bin"):
            (tree / name).mkdir(parents=True)
        (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
        (tree / "etc/group").write_text("root:x:0:\n")
        programs = {"systemctl": _SYSTEMCTL, "journalctl": _JOURNALCTL}
        if init == "openrc":
            programs = {"rc-service": _RC_SERVICE, "rc-update": _RC_UPDATE}
        if users == "useradd":
            programs["useradd"] = _USERADD
        elif users == "adduser":
            programs |= {"adduser": _ADDUSER, "addgroup": _ADDGROUP}
        for name, text in programs.items():
            (self.bin / name).write_text(text.format(tree=tree))
            (self.bin / name).chmod(0o755)

    @property
    def config(self) -> Path:
        """config.toml."""
        return self.tree / "etc/aimx/config.toml"

    @property
    def calls(self) -> list[str]:
        """Programs that changed something, in order."""
        path = self.tree / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def forget(self) -> None:
        """As if nothing had been called yet."""
        (self.tree / "calls").unlink(missing_ok=True)

    def copy(self, tree: Path) -> "Machine":
        """Another one that stands as this one does."""
        shutil.copytree(self.tree, tree, symlinks=True, copy_function=_copy)
        for path in (self.tree, *self.tree.rglob("*")):
            twin, status = tree / path.relative_to(self.tree), path.lstat()
            os.chown(twin, status.st_uid, status.st_gid, follow_symlinks=False)
        for path in (*(tree / "bin").iterdir(), tree / "etc/aimx/config.toml", *tree.glob("etc/systemd/system/*")):
            path.write_text(path.read_text().replace(str(self.tree), str(tree)))
        found = object.__new__(Machine)
        found.tree, found.bin, found.hidden = tree, tree / "bin", self.hidden
        return found

    def picture(self) -> dict[str, object]:
        """Everything that setup makes: names, kinds, modes, owners; contents where they are always the same."""
        places = [path for top in ("etc", "var") for path in sorted((self.tree / top).rglob("*"))]
        told: dict[str, object] = {
            str(path.relative_to(self.tree)): (
                oct(path.lstat().st_mode), path.lstat().st_uid,
                path.read_text().replace(str(self.tree), "") if path.is_file() and not _random(path) else None,
            )
            for path in places
        }  # fmt: skip
        return told | {"active": (self.tree / "active").exists(), "enabled": (self.tree / "enabled").exists()}


def _random(path: Path) -> bool:
    return path.suffix in (".key", ".pem")


def _copy(source: str, target: str) -> None:
    shutil.copy2(source, target)


class Setup(AbstractContextManager["Setup"]):
    """Runs `aimx setup` on machines. `socket` and `port`: of a daemon that is ready."""

    def __init__(self, socket: Path, port: int, dns: str, verifier_port: int = 25) -> None:
        self.socket, self.port, self.dns, self.verifier_port = socket, port, dns, verifier_port
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=pipe, stdout=pipe, text=True)

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, machine: Machine, *words: str, env: dict[str, str] | None = None, **more: object) -> Done:
        """One run. `talk`: on a terminal, what is typed after which text; `stdin`: without one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        environment = {"PATH": f"{machine.bin}:/usr/bin:/bin", "AIMX_TEST_DNS": self.dns, "LANG": "C.UTF-8"}
        asked = {
            "tree": str(machine.tree), "words": words, "env": environment | (env or {}), "socket": str(self.socket),
            "port": self.port, "verifier_port": self.verifier_port, "hide": machine.hidden, **more,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))


@contextmanager
def runs(directory: Path) -> Iterator[Setup]:
    """Runs of setup, for root; a real daemon below the directory is what is ready in the end."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    users.need_worker()
    daemon = Daemon(directory)
    with daemon, Setup(daemon.socket, daemon.port, daemon.dns.address) as setup:
        yield setup
