"""One booted machine: a tree with a layer in memory over it, in namespaces that end with the process that booted it.

No run changes the tree, none sees another, and none leaves a process, a mount or a file behind.
"""

import shlex
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from tests.systemd.groups import Groups

BOOT_S = 120.0
RUN_S = 120.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The first process of a pid namespace is this one: when it goes, everything in the machine goes.
_OUTSIDE = """
set -e
for group in "$@"; do echo 0 >"$group/cgroup.procs"; done
mkdir -p /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/systemd
mount -t tmpfs -o mode=755 tmpfs "$SPACE"
mkdir "$SPACE/upper" "$SPACE/work" "$SPACE/tree"
mount -t overlay -o "lowerdir=$TREE,upperdir=$SPACE/upper,workdir=$SPACE/work" overlay "$SPACE/tree"
until
    systemd-nspawn -D "$SPACE/tree" -M aimx --quiet --register=no --keep-unit --private-network --console=pipe \\
        /bin/sh -c "$INSIDE"
    [ $? -ne 133 ]  # it was rebooted
do :; done
"""
# Of hierarchies of version 1 nspawn shows all but systemd's own read only. They are the machine's alone.
_INSIDE = """
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -o remount,rw /sys/fs/cgroup
    for each in /sys/fs/cgroup/*/; do mount -o remount,rw,bind "$each"; done
fi
exec /lib/systemd/systemd
"""


class Machine(AbstractContextManager["Machine"]):
    """Boots on entry. `pid` is its process 1 as the host counts."""

    def __init__(self, tree: Path, space: Path) -> None:
        self._tree, self._space = tree, space
        self._console = space.with_suffix(".console")
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: Groups | None = None
        self.pid = 0

    def __enter__(self) -> "Machine":
        self._groups = Groups()
        try:
            self._boot(self._groups)
        except BaseException:
            self.off()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.off()

    def _boot(self, groups: Groups) -> None:
        self._space.mkdir()
        argv = ["setpriv", "--pdeathsig", "KILL"]
        argv += ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv += ["sh", "-c", _OUTSIDE, "sh", *map(str, groups.made)]
        env = {"PATH": PATH, "TREE": str(self._tree), "SPACE": str(self._space), "INSIDE": _INSIDE}
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        self._await_boot()

    def reboot(self) -> None:
        """As its operator does it. Its network has to be wired anew."""
        before = self.pid
        self.start("systemctl", "reboot").communicate(timeout=RUN_S)
        self._await_boot(before)

    def _await_boot(self, before: int = 0) -> None:
        """Wait until it runs; with another first process than the one before."""
        assert self._process is not None
        deadline = time.monotonic() + BOOT_S
        states = ("running", "degraded")
        while not (
            self._find(before) and self.run("systemctl", "is-system-running", check=False).split("\n")[-1] in states
        ):
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the machine does not boot:\n{self.console()[-4000:]}")
            time.sleep(0.1)

    def _find(self, before: int) -> bool:
        """Its first process: the child of systemd-nspawn, once that is systemd."""
        assert self._process is not None
        try:
            for process in psutil.Process(self._process.pid).children(recursive=True):
                if process.name() == "systemd" and process.pid != before:
                    parent = process.parent()
                    if parent is not None and parent.name() == "systemd-nspawn":
                        self.pid = process.pid
                        return True
        except psutil.NoSuchProcess:
            return False
        return False

    def console(self) -> str:
        """What it said while it booted."""
        return self._console.read_text(errors="replace")

    def off(self) -> None:
        """Pull the plug: nothing of it is wanted any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)
        if self._groups is not None:
            self._groups.remove()

    def start(self, *argv: str, user: str | None = None) -> subprocess.Popen[bytes]:
        """A program inside, with a closed environment."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C"]
        clean = ["env", "-i", "--chdir=/", f"PATH={PATH}", "LANG=C.UTF-8"]
        become = ["runuser", "-u", user, "--"] if user else []
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*enter, *clean, *become, *argv], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
        )

    def run(self, *argv: str, user: str | None = None, stdin: bytes = b"", check: bool = True) -> str:
        """What it prints, stripped; fails unless its exit code is 0 (`check`)."""
        process = self.start(*argv, user=user)
        try:
            out, _ = process.communicate(stdin, timeout=RUN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        text = out.decode(errors="replace").strip()
        assert not check or process.returncode == 0, f"{shlex.join(argv)}: exit code {process.returncode}\n{text}"
        return text

    def file(self, path: str) -> Path:
        """A file of the machine, as the host opens it (symlinks are the host's: for files that tests made)."""
        return Path(f"/proc/{self.pid}/root{path}")

    def write(self, path: str, text: str | bytes, mode: int = 0o644) -> None:
        """A file of root's."""
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)

    def journal(self, *options: str) -> str:
        """All that was logged, or what options of journalctl select; only the messages."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "-o", "cat", *options)
