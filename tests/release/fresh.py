"""Fresh Debian trees without Python, and commands in them; what is written lies in memory and ends with the test."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from tests import trees

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUN_S = 180.0
_NEEDED = ("debootstrap", "unshare", "nsenter", "setpriv", "chroot")
_OUTSIDE = """
set -e
mount -t tmpfs -o "mode=755,size=$3" tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/tree"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/tree"
cd "$2/tree"
mount -t proc proc proc; mount -t tmpfs tmpfs run; mount -t tmpfs -o mode=1777 tmpfs tmp; mount --rbind /dev dev
ip link set lo up
printf 'alice:x:1000:1000::/home/alice:/bin/sh\\nbob:x:1001:1001::/home/bob:/bin/sh\\n' >>etc/passwd
printf 'alice:x:1000:\\nbob:x:1001:\\n' >>etc/group
for each in alice bob; do mkdir -m 700 home/$each; done
chown 1000:1000 home/alice; chown 1001:1001 home/bob
echo ready
exec cat
"""


def tree(suite: str) -> Path:
    """The tree of a suite, built once. Raises: trees.Unavailable."""
    return trees.ready(trees.cache() / f"fresh-{suite}", suite, (), _NEEDED)


class Fresh(AbstractContextManager["Fresh"]):
    """One machine of that suite, with users alice (1000) and bob (1001), loopback and no other network."""

    def __init__(self, suite: str, space: Path, size: str = "1g") -> None:
        """`size`: of all that is written into it."""
        self._root = space / "tree"
        space.mkdir()
        argv = [
            "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork",
            "--kill-child", "--propagation", "private", "sh", "-c", _OUTSIDE, "sh", str(tree(suite)), str(space), size,
        ]  # fmt: skip
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise AssertionError(f"no tree of {suite}: exit code {self._process.wait(30)}")
        (first,) = psutil.Process(self._process.pid).children()  # process 1 of what has been made
        self._first = first.pid

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def argv(self, words: Sequence[str], uid: int = 0, env: Mapping[str, str] | None = None) -> list[str]:
        """What runs a command inside, as that user."""
        home = {0: "/root", 1000: "/home/alice", 1001: "/home/bob"}[uid]
        settings = {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", **(env or {})}
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        return [
            "nsenter", "-t", str(self._first), "--mount", "--net", "--pid", "--ipc", "--uts",
            "chroot", str(self._root), *become, "env", "-i", *(f"{name}={value}" for name, value in settings.items()),
            *words,
        ]  # fmt: skip

    def run(
        self, *words: str, uid: int = 0, env: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        done = subprocess.run(
            self.argv(words, uid, env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"{shlex.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def put(self, source: Path, path: str, mode: int = 0o755) -> None:
        """A copy of a file of ours."""
        octets = source.read_bytes()
        argv = self.argv(["sh", "-c", 'cat >"$1" && chmod "$2" "$1"', "sh", path, f"{mode:o}"])
        subprocess.run(argv, input=octets, check=True, timeout=RUN_S)
