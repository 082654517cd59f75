"""A daemon whose mail goes to a directory, and `aimx send` as the user who owns its mailbox, who is never root."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from aimx.demo import play
from tests.harness import DOMAIN, Daemon
from tests.mailauth import signing

FROM = f"ops@{DOMAIN}"
LETTER = ("--from", FROM, "--to", "bob@remote.test", "--subject", "Hello", "--body", "Hi")
CONFIG = f'domain = "{DOMAIN}"\nsignature = ""\n[mailboxes.ops]\naddress = "{FROM}"\nowner = "root"\n'

# Where the interpreter is out of the user's reach, all that a send may load is loaded before the drop.
_AS_USER = """
import sys, os, json, hashlib, idna, signal, locale
import aimx.cli.main, aimx.cli.parsing, aimx.cli.send, aimx.effects.build
import aimx.mime.addresses, aimx.model.domain, aimx.policy.verdict
uid = int(sys.argv[1])
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
sys.argv[:] = ["aimx", *sys.argv[2:]]
aimx.cli.main.main()
"""


class Post(AbstractContextManager["Post"]):
    """`uid`: whose daemon and mailbox it is; as root another one may be named than one that nobody has."""

    def __init__(self, config: str = CONFIG, uid: int | None = None, **env: str) -> None:
        self.uid = os.geteuid()
        if self.uid == 0:
            self.uid = play.throw_away_uid() if uid is None else uid
        self.tree = Path(tempfile.mkdtemp(prefix="aimx-post-"))
        self.drop = self.tree / "drop"
        self.drop.mkdir()
        self.daemon = Daemon(self.tree, config, AIMX_TEST_MAIL_DROP=str(self.drop), **env)
        signing.install(self.daemon.etc)
        if os.geteuid() == 0:
            self.daemon.arguments = ["--run-as", str(self.uid)]
            for path in (self.tree, *self.tree.rglob("*")):
                os.chown(path, self.uid, self.uid)

    def __enter__(self) -> "Post":
        self.daemon.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
        self.daemon.close()
        shutil.rmtree(self.tree)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> str:
        """A file in the tree; its path."""
        path = self.tree / name
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    def aimx(self, *words: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
        """`aimx` as the user."""
        done = subprocess.run(argv(self.uid, *words), input=stdin, capture_output=True, timeout=60,
                              env={**self.daemon.env, **env})  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        return done

    def send(self, *words: str, stdin: bytes = b"", **env: str) -> bytes:
        """A send that succeeds; the message that would have left."""
        before = set(self.drop.iterdir())
        done = self.aimx("send", *words, stdin=stdin, **env)
        assert (done.returncode, done.stderr.splitlines()[:1]) == (0, [b"Email sent."]), done
        (sent,) = set(self.drop.glob("*.eml")) - before
        octets = sent.read_bytes()
        assert done.stdout.strip() in octets
        return octets


def argv(uid: int, *words: str) -> list[str]:
    """A command line that runs `aimx` as that uid."""
    if os.geteuid() != 0:
        return [sys.executable, "-m", "aimx.cli.main", *words]
    return [sys.executable, "-c", _AS_USER, str(uid), *words]
