"""Releases for tests: program files, release directories that a throw-away key signs, a server that spoils them.

    key = releases.Key()
    program = releases.program(tmp_path / "new", "9.9.1", keys=(key.public,))
    with releases.Server(tmp_path / "releases") as server:
        server.publish("9.9.1", program, key)        # dist/<tag> of `nox -s release`, one target; "latest" from now on
        server.faults["*.tar.gz"] = "truncated"      # see FAULTS; of the first fnmatch of the path
        env = {"AIMX_RELEASE_MANIFEST_URL": server.manifest}   # or server.files: the same as file://

`program` writes a program file as bundles have one: a file that works copied alone to any path and name. It is a shell
script that starts the interpreter of these tests on this checkout, tells it `-X aimx_bundle=<itself>` and gives
`aimx.built` the tag and the keys of the release that it stands for; what of that is wanted otherwise are arguments.
"""

import gzip
import hashlib
import io
import json
import os
import shlex
import ssl
import sys
import tarfile
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from fnmatch import fnmatch
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TARGET = f"{os.uname().machine}-unknown-linux-gnu"
# 404, 403, 500; and `redirect <url>` to anywhere.
FAULTS = {
    "truncated": "the length is that of all of it, half of it comes",
    "stalled": "half of it comes, and then nothing",
    "tampered": "one octet is another",
    "empty": "nothing, and it says so",
    "endless": "zeros without end behind it",
    "no length": "all of it, up to the end of the connection",
    "redirect": "to the same file elsewhere on this server",
    "loop": "to itself",
}
_PROGRAM = """\
#!/bin/sh
# A program file for tests: {tag}
case $0 in */*) self=$0 ;; *) self=$(command -v -- "$0") ;; esac
self=$(readlink -f -- "$self")
{shell}
exec {python} -I -X "aimx_bundle=$self" -c {code} "$@"
"""
_CODE = """\
import aimx.built
aimx.built.TAG, aimx.built.COMMIT, aimx.built.DATE = {tag!r}, "0123abcd", "2026-01-02"
aimx.built.TARGET, aimx.built.KEYS = {target!r}, {keys!r}
{more}
from aimx.cli import main
main.main()
"""
# How a program may fail as a daemon: shell, and Python, that run before `serve` does.
BROKEN: dict[str, tuple[str, str]] = {
    "not at all": ("echo 'no interpreter' >&2; exit 126", ""),
    "at once": ('case " $* " in *" serve "*) echo "config.toml is too old" >&2; exit 1;; esac', ""),
    "hangs": ('case " $* " in *" serve "*) exec sleep 3600;; esac', ""),
    "dies": ("", "{serve}: threading.Thread(target=die, daemon=True).start()"),  # once it has answered on its socket
    "deaf": ("", "{serve}: sys.argv += ['--bind', '127.0.0.1:0']"),  # never at the port that it should listen on
}
_DYING = """\
import os, socket, sys, threading, time
def die():
    while True:
        with socket.socket(socket.AF_UNIX) as sock:
            if sock.connect_ex(os.environ.get("AIMX_RUNTIME_DIR", "/run/aimx") + "/aimx.sock") == 0:
                os._exit(70)
        time.sleep(0.02)
"""


class Key:
    """A key that signs releases: RSA, as `public` (PEM) it goes into programs."""

    @cached_property
    def _private(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(65537, 3072)

    @cached_property
    def public(self) -> str:
        """SubjectPublicKeyInfo as PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def sign(self, octets: bytes) -> bytes:
        """PKCS#1 v1.5 over SHA-256, as `openssl dgst -sha256 -sign` writes it."""
        return self._private.sign(octets, padding.PKCS1v15(), hashes.SHA256())


def short(target: str = TARGET) -> str:
    """As it is in names of files."""
    return target.replace("-unknown-", "-")


def program(
    path: Path, tag: str, keys: tuple[str, ...] = (), target: str = TARGET, broken: str = "", shell: str = "",
    python: str = "",
) -> Path:  # fmt: skip
    """Write a program file. `broken`: of BROKEN. `shell`, `python`: more that it does before anything else."""
    first = BROKEN.get(broken, ("", ""))
    failing = _DYING + first[1].format(serve='if "serve" in sys.argv') if first[1] else ""
    code = _CODE.format(tag=tag, target=target, keys=keys, more=f"{failing}\n{python}")
    lines = "\n".join((first[0], shell)).strip()
    text = _PROGRAM.format(tag=tag, shell=lines, python=shlex.quote(sys.executable), code=shlex.quote(code))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def tarball(octets: bytes, tag: str, target: str = TARGET, members: Mapping[str, bytes] | None = None) -> bytes:
    """The archive of a release. `members`: others than the usual ones."""
    stem = f"aimx-{tag}-{short(target)}"
    usual = {f"{stem}/LICENSE": b"MIT\n", f"{stem}/README.md": b"# aimx\n", f"{stem}/book/README.md": b"# The book\n"}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (members if members is not None else {f"{stem}/aimx": octets, **usual}).items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755 if name.endswith("/aimx") else 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def sums(directory: Path) -> bytes:
    """SHA256SUMS of all that lies there, as sha256sum writes it."""
    names = sorted(path.name for path in directory.iterdir() if not path.name.startswith("SHA256SUMS"))
    lines = (f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    return "".join(lines).encode()


def seal(directory: Path, key: Key) -> None:
    """Write SHA256SUMS of what lies there, and sign it."""
    octets = sums(directory)
    (directory / "SHA256SUMS").write_bytes(octets)
    (directory / "SHA256SUMS.sig").write_bytes(key.sign(octets))


def release(directory: Path, tag: str, made: Path | bytes, key: Key, target: str = TARGET) -> Path:
    """A release directory around a program file; what the others of a real one are to upgrades is left out."""
    directory.mkdir(parents=True, exist_ok=True)
    name = f"aimx-{tag}-{short(target)}.tar.gz"
    packed = tarball(made.read_bytes() if isinstance(made, Path) else made, tag, target)
    (directory / name).write_bytes(packed)
    (directory / f"{name}.sha256").write_text(f"{hashlib.sha256(packed).hexdigest()}  {name}\n")
    seal(directory, key)
    return directory


def manifest(tag: str, directory: Path, base: str) -> dict[str, Any]:
    """What GitHub would say of a release whose files are below the URL `base`."""
    names = sorted(path.name for path in directory.iterdir())
    assets = [{"name": name, "browser_download_url": f"{base}/{name}"} for name in names]
    return {"tag_name": tag, "prerelease": "-" in tag, "assets": assets}


class Server(AbstractContextManager["Server"]):
    """Releases below a directory, over loopback, with faults. `asked`: paths, in order; `agents`: who asked.

    `tokens`: what came as Authorization, by path. `tls`: by HTTPS.
    """

    def __init__(self, root: Path, tls: ssl.SSLContext | None = None) -> None:
        self.root, self._tls = root, tls
        root.mkdir(parents=True, exist_ok=True)
        self.faults: dict[str, str] = {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.tokens: dict[str, str] = {}
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.releases = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def base(self) -> str:
        """The URL of the root."""
        return f"http{'s' * (self._tls is not None)}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def manifest(self) -> str:
        """Where the latest release is told of, over HTTP; `<base>/releases/latest` does the same, as GitHub has it."""
        return f"{self.base}/latest.json"

    @property
    def files(self) -> str:
        """The same without a server: `publish` writes it with URLs of files."""
        return (self.root / "files" / "latest.json").as_uri()

    def publish(self, tag: str, made: Path | bytes, key: Key, target: str = TARGET, latest: bool = True) -> Path:
        """Make a release and tell of it; its directory."""
        directory = release(self.root / tag, tag, made, key, target)
        self.tell(tag, latest=latest)
        return directory

    def tell(self, tag: str, latest: bool = True, **more: Any) -> None:
        """Write the manifests of a release as its directory is now. `more`: members that say something else."""
        directory = self.root / tag
        (self.root / "files").mkdir(exist_ok=True)
        for place, base in ((self.root, f"{self.base}/{tag}"), (self.root / "files", directory.as_uri())):
            text = json.dumps(manifest(tag, directory, base) | more)
            (place / f"tag-{tag}.json").write_text(text)
            if latest:
                (place / "latest.json").write_text(text)


class _Handler(BaseHTTPRequestHandler):
    """One request. A path below /moved/ is that without it; /releases/… is as GitHub has it."""

    def do_GET(self) -> None:
        server: Server = self.server.releases  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        server.asked.append(path)
        server.agents.add(self.headers.get("User-Agent", ""))
        if "Authorization" in self.headers:
            server.tokens[path] = self.headers["Authorization"]
        fault = next((kind for pattern, kind in server.faults.items() if fnmatch(path, pattern)), "")
        if fault.isdigit():
            return self._head(int(fault))
        if fault.startswith("redirect") or fault == "loop":
            where = fault.partition(" ")[2] or (path if fault == "loop" else f"/moved{path}")
            return self._head(302, Location=where)
        name = path.removeprefix("/moved").lstrip("/")
        name = name.replace("releases/tags/", "releases/tag-")
        name = f"{name.removeprefix('releases/')}.json" if name.startswith("releases/") else name
        found = server.root / name
        if ".." in found.parts or not found.is_file():
            return self._head(404)
        return self._file(found.read_bytes(), fault, server)

    def _head(self, status: int, **fields: str) -> None:
        self.send_response(status)
        for key, value in fields.items():
            self.send_header(key.replace("_", "-"), value)
        if "Content_Length" not in fields and status != 200:
            self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def _file(self, octets: bytes, fault: str, server: Server) -> None:
        length = {} if fault in ("no length", "endless") else {"Content_Length": str(len(octets))}
        if fault == "tampered":
            octets = octets[:-9] + bytes([octets[-9] ^ 1]) + octets[-8:]
        if fault == "empty":
            length, octets = {"Content_Length": "0"}, b""
        self._head(200, **length)
        self.wfile.write(octets[: len(octets) // 2] if fault in ("truncated", "stalled") else octets)
        self.wfile.flush()
        if fault == "stalled":
            server.ended.wait()
        while fault == "endless" and not server.ended.is_set():
            self.wfile.write(bytes(1 << 16))

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # who asked has gone away
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `asked` is the log."""
