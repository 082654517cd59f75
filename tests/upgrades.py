"""A machine in a directory for `aimx upgrade`: a program file, a service that runs it, and programs to upgrade to.

The service is `systemctl` in PATH, which starts and stops the program as systemd would. `light` programs serve as
little as an upgrade looks at, and start at once; releases.program makes real ones.
"""

import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import trio

from aimx import limits
from aimx.provision.setup.site import Site
from aimx.provision.upgrade.plan import Plan
from aimx.provision.upgrade.story import Own, Screen, Upgrade
from tests import releases

_LIGHT = """\
import os, signal, socket, sys, threading
tag, place, port, broken = sys.argv[1:5]
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
body = ('{"tag":"%s","git_hash":"0123abcd","target":"t","build_date":"d"}' % tag).encode()
def answer(listener, say, hear):
    while True:
        client, _ = listener.accept()
        try:
            if hear:
                asked = client.recv(65536)
                known = asked.startswith(b"AIMX/1 VERSION")
                client.sendall(say if known else b"AIMX/1 ERR PROTOCOL unknown verb\\n\\n")
            else:
                client.sendall(say)
                client.recv(65536)
            client.close()
        except OSError:
            pass
        if hear and broken == "dies":
            os._exit(70)
if broken != "deaf":
    smtp = socket.create_server(("127.0.0.1", int(port)))
    threading.Thread(target=answer, args=(smtp, b"220 a.test ESMTP aimx\\r\\n", False), daemon=True).start()
unix = socket.socket(socket.AF_UNIX)
if os.path.exists(place):
    os.unlink(place)
unix.bind(place)
unix.listen(64)
answer(unix, b"AIMX/1 OK\\nContent-Length: %d\\n\\n" % len(body) + body, True)
"""
_PROGRAM = """\
#!/bin/sh
# {tag}
_aimx_id={id}
self=$(readlink -f -- "$0")
case $1 in
--version) {version} ;;
serve) {serve} ;;
upgrade) printf %s {unit} ;;
esac
"""
_BROKEN = {
    "at once": 'echo "config.toml is too old" >&2; exit 1',
    "hangs": "exec sleep 3600",
}
# A unit is a session of its own here.
_SYSTEMD_RUN = """\
#!/bin/sh
while [ "${{1#--}}" != "$1" ] && [ "$1" != -- ]; do shift; done
shift
[ -e {tree}/guards-lost ] && exit 0
[ -e {tree}/guards-refused ] && exit 1
setsid "$@" >>{tree}/guard-log 2>&1 </dev/null &
echo $! >>{tree}/guards
"""
_SYSTEMCTL = """\
#!/bin/sh
while [ "${{1#--}}" != "$1" ]; do shift; done
verb=$1; shift
cd {tree} || exit
pid=$(cat pid 2>/dev/null)
case $(cut -d' ' -f3 "/proc/${{pid:-none}}/stat" 2>/dev/null) in ''|Z) lives= ;; *) lives=1 ;; esac
case $verb in
show)
    echo "Result=exit-code"; echo "SubState=running"; echo "ExecMainStatus=1"
    if [ "$lives" ]; then echo ActiveState=active; elif [ "$pid" ]; then echo ActiveState=failed
    else echo ActiveState=inactive; fi
    exit ;;
esac
echo "$verb" >>calls
[ -e "kill-at-$verb" ] && {{ rm "kill-at-$verb"; kill -9 $PPID; exit 1; }}
[ -e "fail-$verb" ] && {{ echo "Failed to $verb aimx.service: access denied" >&2; exit 1; }}
case $verb in
start|restart)
    [ "$lives" ] || {{
        {env} setsid {program} serve {words} >>log 2>&1 </dev/null &
        echo $! >pid
    }} ;;
stop)
    [ "$lives" ] && {{
        kill "$pid"
        n=0
        while case $(cut -d' ' -f3 "/proc/$pid/stat" 2>/dev/null) in ''|Z) false ;; *) true ;; esac; do
            n=$((n + 1)); [ $n -gt 600 ] && kill -9 "$pid"
            sleep 0.05
        done
    }}
    rm -f pid ;;
esac
exit 0
"""


class Machine:
    """The tree; `program` is at its place and the service has not been started yet."""

    def __init__(self, tree: Path, unit: str = "the service\n") -> None:
        self.tree = tree
        self.program = tree / "usr/local/bin/aimx"
        self.trees = tree / "usr/local/lib/aimx"
        self.runtime = tree / "run/aimx"
        for place in (self.program.parent, self.runtime, tree / "run/systemd/system", tree / "etc/systemd/system",
                      tree / "etc/aimx", tree / "bin"):  # fmt: skip
            place.mkdir(parents=True)
        self.unit = tree / "etc/systemd/system/aimx.service"
        self.unit.write_text(unit)
        (tree / "light.py").write_text(_LIGHT)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.service()

    def service(self, words: str = "", **env: str) -> None:
        """What the service starts, beside the program: its words and variables."""
        told = " ".join(f"{name}={shlex.quote(value)}" for name, value in env.items())
        text = _SYSTEMCTL.format(tree=self.tree, program=self.program, words=words, env=told)
        journal = '#!/bin/sh\necho "the last words of the daemon"\n'
        runs = _SYSTEMD_RUN.format(tree=self.tree)
        for name, content in (("systemctl", text), ("journalctl", journal), ("systemd-run", runs)):
            (self.tree / "bin" / name).write_text(content)
            (self.tree / "bin" / name).chmod(0o755)

    def light(self, path: Path, tag: str, broken: str = "", says: str = "", serves: str = "", unit: str = ""
    ) -> Path:  # fmt: skip
        """A program file.

        `says`: another version than its own on the command line; `serves`: on the socket; `unit`: the service file
        that its setup writes.
        """
        words = (sys.executable, "-I", "-S", "-X", "aimx_bundle=SELF", str(self.tree / "light.py"))
        more = (serves or tag, str(self.runtime / "aimx.sock"), str(self.port), broken or "-", "serve")
        serve = _BROKEN.get(broken, f"exec {shlex.join((*words, *more))}".replace("SELF", '"$self"'))
        banner = f"AIMX (AI Mail Exchange) version {says or tag} (0123abcd) {releases.TARGET} built 2026-01-02"
        version = "echo 'no interpreter' >&2; exit 126" if broken == "not at all" else f"echo '{banner}'"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.made")  # what runs cannot be written to
        made.write_text(
            _PROGRAM.format(tag=tag, id=f"{tag}-0123456789abcdef", version=version, serve=serve, unit=shlex.quote(unit))
        )
        made.chmod(0o755)
        return made.replace(path)

    def install(self, tag: str, **how: str) -> None:
        """A light program at its place."""
        self.light(self.program, tag, **how)

    @property
    def site(self) -> Site:
        """As `aimx upgrade` has it."""
        return Site(
            self.tree / "etc/aimx", None, self.runtime / "aimx.sock", self.tree, smtp=("127.0.0.1", self.port),
            program=(str(self.program),),
        )  # fmt: skip

    @property
    def path(self) -> str:
        """PATH with the programs of this machine."""
        return f"{self.tree / 'bin'}:/usr/bin:/bin"

    def systemctl(self, verb: str) -> str:
        """What its output is."""
        return subprocess.run([self.tree / "bin/systemctl", verb, "aimx"], capture_output=True, text=True).stdout

    @property
    def active(self) -> bool:
        """The service runs."""
        return "ActiveState=active" in self.systemctl("show")

    @property
    def calls(self) -> list[str]:
        """What the service was told."""
        path = self.tree / "calls"
        return path.read_text().split() if path.exists() else []

    def forget(self) -> None:
        """As if it had been told nothing."""
        (self.tree / "calls").unlink(missing_ok=True)

    def guarded(self) -> None:
        """Every process that an upgrade started beside itself has ended."""
        path = self.tree / "guards"
        for pid in map(int, path.read_text().split() if path.exists() else ()):
            deadline = time.monotonic() + PATIENCE_S
            while _lives(pid):
                assert time.monotonic() < deadline, f"process {pid} does not end"
                threading.Event().wait(0.02)
        path.unlink(missing_ok=True)

    @contextmanager
    def guards_are(self, how: str) -> Iterator[None]:
        """`lost`: as the power is for all; `refused`: systemd starts none."""
        (self.tree / f"guards-{how}").touch()
        try:
            yield
        finally:
            (self.tree / f"guards-{how}").unlink()

    def tag(self, name: str = "aimx") -> str:
        """Which program lies there; empty: none."""
        path = self.program.with_name(name)
        return path.read_text().splitlines()[1].split()[-1] if path.exists() else ""

    @property
    def beside(self) -> set[str]:
        """Names of all that lies where the program does."""
        return set(os.listdir(self.program.parent))


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def machine(tree: Path) -> Iterator[Machine]:
    """One whose service ends with it."""
    made = Machine(tree)
    try:
        yield made
    finally:
        for path in tree.glob("fail-*"):
            path.unlink()
        made.guarded()
        made.systemctl("stop")


PATIENCE_S = 120  # on a machine that does much else
OLDER, OLD, NEW = "0.9.0", "1.0.0", "1.1.0"


@contextmanager
def standing(tree: Path, patch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine on OLD, with a service that runs; nobody waits longer than it takes."""
    patch.setattr(limits, "UPGRADE_SETTLE_S", 0.1)
    patch.setattr(limits, "SERVICE_LOOK_S", 0.02)
    with machine(tree) as made:
        patch.setenv("PATH", made.path)
        made.install(OLD)
        made.systemctl("start")
        made.forget()
        yield made


def upgrade(
    machine: Machine, broken: str = "", ready_s: float = 60.0, said: list[str] | None = None, **how: str
) -> Plan:
    """To NEW, as install.sh has it done."""
    staged = machine.light(machine.tree / "staged", NEW, broken, **how)
    screen = Screen((said if said is not None else []).append, lambda *_: None)
    run = Upgrade(machine.site, Own(NEW, releases.TARGET, ()), "", screen, ready_s)
    return trio.run(run.install, staged)


def picture(machine: Machine) -> tuple[dict[str, bytes], bool]:
    """The programs, by what they are called and what they are; whether the service runs."""
    found = {name: machine.program.with_name(name).read_bytes() for name in machine.beside}
    return found, machine.active


def prev(machine: Machine, there: bool) -> None:
    """There is a `.prev` of before, or not."""
    if there:
        machine.light(machine.program.with_name("aimx.prev"), OLDER)
