"""What the running daemon says of itself, on its socket and at its SMTP listener.

Every question has its own short time; a daemon that hangs costs seconds, never more.
"""

import contextlib
import itertools
import json
import os
import socket
import ssl
import struct
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from cryptography import x509

from aimx import client, limits
from aimx.errors import AimxError, DaemonAbsent, DaemonRefused, DaemonSilent, DaemonUnavailable, told
from aimx.flows.status import Told
from aimx.provision.facts import Certificate, Probe, Smtp
from aimx.wire.frames import MailboxList, MailboxShow, Request, Status, Version

_DATA_DIR = "--data-dir"
_BUDGET = f"no answer within {round(limits.PROBE_S * 1000)} ms"


class Peer(NamedTuple):
    """The process that listens on the socket (SO_PEERCRED)."""

    pid: int
    uid: int


def daemon(path: Path) -> Probe:
    """VERSION within its budget, then STATUS where it is known."""
    try:
        version = _asked(path, Version(), limits.PROBE_S)
    except DaemonAbsent:
        return Probe(str(path), "absent")
    except DaemonSilent:
        late = status(path, limits.PROBE_AGAIN_S)
        state: Literal["running", "failed"] = "failed" if late is None else "running"
        return _of(Probe(str(path), state, f"daemon probe failed: {_BUDGET}", status=late), path)
    except DaemonUnavailable as error:
        return Probe(str(path), "failed", f"daemon not reachable on {path}: {error.detail}")
    except (AimxError, ValueError) as error:
        return _of(Probe(str(path), "failed", f"daemon probe failed: {_why(error)}"), path)
    tag, git_hash = (str(version.get(key, "unknown")) for key in ("tag", "git_hash"))
    probe = Probe(str(path), "running", "", tag, git_hash, status=status(path))
    return _of(probe, path)


def _why(error: Exception) -> str:
    return (told(error) or type(error).__name__) if isinstance(error, AimxError) else "an answer that is no JSON"


def _of(probe: Probe, path: Path) -> Probe:
    found = peer(path)
    if found is None:
        return probe
    return msgspec.structs.replace(probe, pid=found.pid, uid=found.uid, data_dir_flag=_flag(found.pid))


def _flag(pid: int) -> str | None:
    """What follows `--data-dir` in the command line of a process; None without, and where it cannot be read."""
    try:
        words = [os.fsdecode(word) for word in Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")]
    except OSError:
        return None
    for word, following in itertools.pairwise(words):
        if word == _DATA_DIR or word.startswith(f"{_DATA_DIR}="):
            return following if word == _DATA_DIR else word.partition("=")[2]
    return None


def status(path: Path, timeout_s: float = limits.PROBE_MORE_S) -> Told | None:
    """STATUS; None from a daemon that does not have it, or has another one."""
    try:
        return msgspec.convert(_asked(path, Status(), timeout_s), Told)
    except (AimxError, ValueError):
        return None


def show(path: Path, name: str) -> dict[str, Any] | None:
    """MAILBOX-SHOW; None from a daemon that does not have it."""
    try:
        found = _asked(path, MailboxShow(name), limits.PROBE_MORE_S)
    except (AimxError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def mailboxes(path: Path) -> list[dict[str, Any]]:
    """MAILBOX-LIST: the caller's mailboxes; root's are all, directories without one left out. Empty: nobody answers."""
    try:
        found = _asked(path, MailboxList(), limits.PROBE_MORE_S)
    except (AimxError, ValueError):
        return []
    rows = found if isinstance(found, list) else []
    return [row for row in rows if isinstance(row, dict) and row.get("registered", True)]


def _asked(path: Path, request: Request, timeout_s: float) -> Any:
    """Raises: AimxError; ValueError for what is no JSON."""
    response = client.call(path, request, timeout_s)
    if response.kind == "error":
        raise DaemonRefused(response.reason, code=response.code)
    return json.loads(response.body)


def peer(path: Path) -> Peer | None:
    """Who listens there; None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(limits.PROBE_S)
        try:
            sock.connect(str(path))
            octets = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid, uid, _ = struct.unpack("3i", octets)
    return Peer(pid, uid)


def shown(address: tuple[str, int]) -> str:
    """`host:port`, as one writes it."""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def smtp(address: tuple[str, int]) -> tuple[Smtp, Certificate | None]:
    """Greeting, EHLO, STARTTLS: what a sending server meets. May take long; the caller bounds it."""
    where = shown(address)
    try:
        sock = socket.create_connection(address, limits.SMTP_PROBE_S)
    except ConnectionRefusedError:
        return Smtp(where, "closed"), None
    except (OSError, ValueError):  # ValueError: a host that no look-up takes
        return Smtp(where, "unknown"), None
    with sock:
        try:
            banner = _reply(sock)
            ours = banner.startswith("220 ") and "aimx" in banner.lower()
            sock.sendall(b"EHLO doctor.invalid\r\n")
            if not ours or "STARTTLS" not in _reply(sock).upper():
                return Smtp(where, "ours" if ours else "other", banner), None
        except OSError:
            return Smtp(where, "unknown"), None
        return Smtp(where, "ours", banner, starttls=True), _served(sock, where)


def _reply(sock: socket.socket) -> str:
    """One reply, all its lines. Raises: OSError."""
    octets = b""
    while len(octets) < limits.SMTP_PROBE_OCTETS:
        piece = sock.recv(limits.SMTP_PROBE_OCTETS)
        octets += piece
        last = octets.rstrip(b"\r\n").rpartition(b"\n")[2]
        if not piece or (octets.endswith(b"\n") and last[3:4] != b"-"):
            break
    return octets.decode("latin-1").strip()


def _served(sock: socket.socket, where: str) -> Certificate | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        sock.sendall(b"STARTTLS\r\n")
        if not _reply(sock).startswith("220"):
            return None
        with context.wrap_socket(sock) as tls:
            octets = tls.getpeercert(binary_form=True)
            with contextlib.suppress(OSError):
                tls.sendall(b"QUIT\r\n")
    except OSError:
        return None
    return _certificate(x509.load_der_x509_certificate(octets), f"STARTTLS on {where}") if octets else None


def certificate_file(path: Path) -> Certificate | None:
    """The certificate that a daemon would load; None when there is none that we can read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            return _certificate(x509.load_pem_x509_certificate(file.read(limits.KEY_FILE_OCTETS)), str(path))
    except (OSError, ValueError):
        return None


def _certificate(found: x509.Certificate, source: str) -> Certificate:
    begin, end = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    return Certificate(source, begin, end, found.issuer == found.subject)
