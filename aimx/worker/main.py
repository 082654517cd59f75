"""The worker's loop: one job at a time from its channel, one answer back. Sync, no I/O of its own, no clock."""

import codecs
import encodings.aliases
import importlib
import os
import pkgutil
import socket

import msgspec

from aimx import limits
from aimx.effects import framing, linux
from aimx.model.job import Job, Ready
from aimx.worker.job import Examiner

# Packages that import parts of themselves at first use.
_PACKAGES = ("aimx.mailauth", "aimx.mime", "aimx.mime.markdown", "dkim", "email", "encodings", "html2text", "idna")
# Programs, not parts; some of dkimpy's set up logging as they are imported, and every verification writes records then.
_PROGRAMS = ("__main__", "cli", "arcsign", "arcverify", "dkimsign", "dkimverify", "dknewkey")


def preload() -> None:
    """Import what would otherwise be imported at first use: after dropping privileges files may be out of reach."""
    for package in _PACKAGES:
        for part in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if part.name not in _PROGRAMS:
                _load(f"{package}.{part.name}")
    for name in sorted(set(encodings.aliases.aliases.values())):
        try:
            codecs.lookup(name)
        except LookupError:
            continue  # codecs of other platforms
    Examiner().warm_up()


def _load(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        return  # codecs of other platforms, extras that are not installed


def serve(sock: socket.socket, checks: dict[str, bool]) -> None:
    """Report the verified privileges, then answer jobs until end of input."""
    linux.malloc_bounds(limits.MALLOC_ARENAS, limits.MALLOC_MAPPED)
    pipe = framing.Pipe(sock)
    encode = msgspec.msgpack.Encoder().encode
    decode = msgspec.msgpack.Decoder(Job).decode
    pipe.send(encode(Ready(os.getpid(), os.getuid(), checks)))
    examiner = Examiner()
    while (payload := pipe.receive()) is not None:
        job = decode(payload)
        fd = pipe.fds.pop(0) if job.has_fd else None
        answer = examiner.handle(job, fd)
        if answer is not None:
            pipe.send(encode(answer))
