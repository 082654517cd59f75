"""A machine for the installer: its own tools, configuration, services and place for the program; a release server.

Each run is in a mount namespace of its own, where nothing of this machine is seen as installed. A shell has exactly the
programs that `tools` names: BusyBox's own ones under BusyBox, where it has them. The program of a release is a real one
(tests.releases), but for `setup` and `upgrade`: those write down how they were called, since no init system runs here.
"""

import fcntl
import os
import pty
import select
import shutil
import signal
import subprocess
import termios
import time
from pathlib import Path
from typing import NamedTuple

from tests import releases

ROOT = Path(__file__).resolve().parents[2]
INSTALLER = ROOT / "install" / "install.sh"
PATIENCE_S = 120  # for one run, on a machine that does much else
# What the installer may use, and what the shell scripts around it do.
TOOLS = (
    "uname", "id", "awk", "sed", "tr", "cut", "od", "cat", "mkdir", "rm", "cp", "mv", "chmod", "chown", "tar", "gzip",
    "tty", "dirname", "test", "date", "ls", "sync", "env", "grep", "kill", "true", "timeout", "readlink", "getconf",
    "ldd", "flock", "sha256sum", "openssl", "curl", "sh", "sleep", "wc",
)  # fmt: skip
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"]}
_SAYS = """\
case "${1-}" in
setup | upgrade)
    { echo "argv: $*"; echo "program: $self"; echo "uid: $(id -u)"; [ -t 0 ] && echo "stdin: terminal"
      env | grep -E '^(AIMX_|NO_COLOR|GITHUB_|LC_ALL|LANG)'; echo; } >>"@LOG@"
    if [ "$1" = upgrade ]; then /bin/cp -p "$5" "$5.prev"; /bin/mv "$3" "$5"; fi
    exit @EXIT@ ;;
esac
"""
_SUDO = """\
#!/bin/sh
# Becomes root and drops the environment, as sudo does; writes down what for.
echo "$*" >>"@BOX@/sudo.log"
[ "${1-}" != -n ] || shift
case "${1-}" in -v) [ ! -e "@BOX@/no-sudo" ]; exit ;; --) shift ;; esac
if [ -e "@BOX@/no-sudo" ] || { [ "$1" = true ] && [ -e "@BOX@/ask-password" ]; }; then exit 1; fi
exec "@BOX@/become-root" --reuid 0 --regid 0 --clear-groups -- /usr/bin/env -i PATH="$PATH" HOME=/root "$@"
"""


class Run(NamedTuple):
    """How one ended: `text` is stderr, with stdout before it."""

    status: int
    text: str


class Box:
    """One machine. `env` is what its user has set; `bin` where the program goes; `log` how programs were called."""

    def __init__(self, path: Path, shell: str, server: releases.Server, key: releases.Key) -> None:
        self.path, self.server, self.key = path, server, key
        self.shell = SHELLS[shell]
        self.bin, self.etc, self.tmp = path / "bin", path / "etc", path / "tmp"
        self.units, self.openrc, self.tools = path / "units", path / "init.d", path / "tools"
        for directory in (self.bin, self.etc, self.tmp, self.units, self.openrc, self.tools):
            directory.mkdir()
        self.tmp.chmod(0o1777)
        self._applets = self._list_applets() if shell == "busybox" else set()
        for tool in TOOLS:
            self.give(tool)
        self.script = path / "install.sh"
        self.script.write_text(published(INSTALLER.read_text(), key, STALL_SECONDS="2"))
        self.env = {
            "PATH": str(self.tools), "HOME": str(path), "TMPDIR": str(self.tmp), "AIMX_CONFIG_DIR": str(self.etc),
            "AIMX_PREFIX": str(self.bin), "AIMX_RELEASE_MANIFEST_URL": server.manifest,
        }  # fmt: skip
        self.mounts: list[str] = []

    def _list_applets(self) -> set[str]:
        told = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True, timeout=PATIENCE_S)
        return set(told.stdout.split()) - {"wget"}

    @property
    def program(self) -> Path:
        return self.bin / "aimx"

    @property
    def log(self) -> str:
        file = self.path / "called.log"
        return file.read_text() if file.exists() else ""

    def give(self, tool: str, source: str | None = None) -> None:
        """A program for the shell, BusyBox's own where that is the shell and it has one."""
        (self.tools / tool).unlink(missing_ok=True)
        found = source or ("busybox" if tool in self._applets else tool)
        where = shutil.which(found)
        assert where is not None, f"these tests need {found}"
        (self.tools / tool).symlink_to(where)

    def take(self, *tools: str) -> None:
        for tool in tools:
            (self.tools / tool).unlink()

    def fake(self, tool: str, script: str) -> None:
        (self.tools / tool).unlink(missing_ok=True)
        (self.tools / tool).write_text(f"#!/bin/sh\n{script}\n")
        (self.tools / tool).chmod(0o755)

    def make(self, tag: str, where: Path | None = None, ends: int = 0, **how) -> Path:
        """A program file of that release."""
        path = where or self.path / "made" / tag
        says = _SAYS.replace("@LOG@", str(self.path / "called.log")).replace("@EXIT@", str(ends))
        return releases.program(path, tag, keys=(self.key.public,), shell=f"{says}{how.pop('shell', '')}", **how)

    def publish(self, tag: str, **how) -> Path:
        """The latest release from now on."""
        return self.server.publish(tag, self.make(tag, **how), self.key)

    def installed(self, tag: str, **how) -> bytes:
        """An aimx that has been set up; its octets."""
        self.make(tag, self.program, **how)
        (self.units / "aimx.service").write_text(
            f"[Service]\nExecStart={self.program} serve --data-dir /var/lib/aimx\n"
        )
        return self.program.read_bytes()

    def give_sudo(self) -> None:
        """What makes root of a user here."""
        become = self.path / "become-root"
        shutil.copy(shutil.which("setpriv") or "setpriv", become)
        become.chmod(0o4755)
        (self.path / "sudo.log").touch()
        (self.path / "sudo.log").chmod(0o666)
        self.fake("sudo", _SUDO.replace("@BOX@", str(self.path)).removeprefix("#!/bin/sh\n"))

    @property
    def sudo_log(self) -> list[str]:
        file = self.path / "sudo.log"
        return file.read_text().splitlines() if file.exists() else []

    def argv(self, *words: str, user: int = 0, piped: bool = False) -> list[str]:
        """The command that runs the installer here. `piped`: as `curl | sh` does, on standard input."""
        prelude = [
            f"mount --bind {self.units} /etc/systemd/system",
            f"mount --bind {self.openrc} /etc/init.d",
            *self.mounts,
        ]
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        started = [*self.shell, "-s", "--"] if piped else [*self.shell, str(self.script)]
        inside = " && ".join([*prelude, 'exec "$@"'])
        env = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in self.env.items())]
        private = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", inside, "sh"]
        return [*private, *who, *env, *map(_found, started), *words]

    def start(self, *words: str, user: int = 0, **how) -> subprocess.Popen:
        """Run it in a session of its own."""
        return subprocess.Popen(
            self.argv(*words, user=user), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, cwd=self.path, **how,
        )  # fmt: skip

    def run(self, *words: str, user: int = 0, piped: bool = False, umask: int = 0o022) -> Run:
        """Run it to its end, without a terminal."""
        done = subprocess.run(
            self.argv(*words, user=user, piped=piped), input=self.script.read_bytes() if piped else b"",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S, start_new_session=True, cwd=self.path,
            umask=umask,
        )  # fmt: skip
        return Run(done.returncode, done.stdout.decode())

    def type(self, typed: str, *words: str, user: int = 0, piped: bool = False, after: str = "[y/N]") -> Run:
        """Run it on a terminal and type something once `after` has been asked; ^C is an interrupt."""
        own, other = pty.openpty()

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(other, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            self.argv(*words, user=user, piped=piped), stdin=subprocess.PIPE if piped else other, stdout=other,
            stderr=other, preexec_fn=take_terminal, cwd=self.path,
        )  # fmt: skip
        os.close(other)
        if piped:
            process.stdin.write(self.script.read_bytes())
            process.stdin.close()
        said, deadline, pending = b"", time.monotonic() + PATIENCE_S, typed.encode()
        while time.monotonic() < deadline:
            if not select.select([own], [], [], 1)[0]:
                continue
            try:
                said += os.read(own, 65536)
            except OSError:
                break  # everybody has closed it
            if pending and after.encode() in said:
                os.write(own, pending)
                pending = b""
        os.close(own)
        return Run(process.wait(PATIENCE_S), said.decode().replace("\r\n", "\n"))

    def left(self) -> list[str]:
        """What is left that should be temporary."""
        return [str(path) for path in (*self.tmp.iterdir(), *self.bin.glob(".*"))]

    def works(self, tag: str) -> bool:
        """The program that is installed says that it is this release."""
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True, timeout=PATIENCE_S)
        return f" version {tag} " in done.stdout


def _found(word: str) -> str:
    return shutil.which(word) or word


def published(text: str, key: releases.Key | None, **constants: str) -> str:
    """A script as a release has it."""
    if key is not None:
        constants["RELEASE_KEYS"] = key.public.strip()
    lines, inside = [], False
    for line in text.splitlines():
        inside = line.startswith("# ---- constants") or (inside and line != "# ---- end of constants ----")
        name = line.partition("=")[0]
        lines.append(f"{name}='{constants.pop(name)}'" if inside and name in constants else line)
    assert not constants, constants
    return "\n".join(lines) + "\n"


def end(process: subprocess.Popen, number: int) -> None:
    """Everything that it has started gets the signal, as from a terminal."""
    os.killpg(process.pid, signal.Signals(number))
