"""A file of a stranger's onto this disk: private, under a name that nothing had, whole or not at all. No widget."""

import asyncio
import atexit
import base64
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from aimx.errors import Failed, Refused
from aimx.wire.frames import AttachmentRead
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.mail.reading import Changed
from aimx_tui.dash.mail.words import Attachment
from aimx_tui.dash.state import Mail

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_UNSAFE = re.compile(r"[^\w.() +-]")


class _Sink:
    """A new file. All of it runs in threads; after `abandon` nothing is left of it, whatever was under way."""

    def __init__(self, path: Path) -> None:
        self._path, self._fd = path, -1
        self._over = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Raises: OSError, also when there is anything under the name."""
        with self._lock:
            if not self._over:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                self._fd = os.open(self._path, flags, 0o600)

    def write(self, octets: bytes) -> None:
        """All of them. Raises: OSError."""
        with self._lock:
            while octets and not self._over:
                octets = octets[os.write(self._fd, octets) :]

    def finish(self) -> None:
        """It stays. Raises: OSError."""
        with self._lock:
            if not self._over:
                os.fsync(self._fd)
                self._over = True
                os.close(self._fd)

    def abandon(self) -> None:
        """Only what was made here is taken away."""
        with self._lock:
            if self._fd >= 0 and not self._over:
                os.close(self._fd)
                self._path.unlink(missing_ok=True)
            self._over = True


async def save(gateway: Gateway, mail: Mail, file: Attachment, path: Path, told: Callable[[int, int], None]) -> None:
    """All of it under that path; `told` hears how many octets of how many there are.

    Cancellation: leaves no file.
    Raises: Refused (the place), Failed (the disk), Changed, what the gateway raises; then there is no file either.
    """
    sink = _Sink(path)
    try:
        await asyncio.to_thread(sink.begin)
        request: AttachmentRead | None = AttachmentRead(mail.mailbox, mail.id, file.path, mail.folder, 0)
        version, done = None, 0
        while request is not None:
            piece = await gateway.value(request)
            if version not in (None, piece["version"]):
                raise Changed("the attachment was changed while it was read; try again")
            octets, version = base64.b64decode(piece["data"]), piece["version"]
            await asyncio.to_thread(sink.write, octets)
            done += len(octets)
            told(done, int(piece["total"]))
            request = request._replace(offset=piece["next"]) if piece["next"] is not None else None
        await asyncio.to_thread(sink.finish)
    except FileExistsError:
        raise Refused(f"{path} is there already; nothing is overwritten") from None
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"there is no directory {path.parent}") from None
    except OSError as error:
        raise Failed(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        await asyncio.shield(asyncio.to_thread(sink.abandon))


def proposed(file: Attachment) -> str:
    """Where it might go: the downloads of whoever runs this, under the attachment's name."""
    home = Path.home()
    downloads = home / "Downloads"
    return str((downloads if downloads.is_dir() else home) / _name(file))


def place(typed: str, file: Attachment) -> Path:
    """What was meant; of a directory a file in it. Raises: Refused."""
    if not typed.strip() or "\0" in typed:
        raise Refused("where is it to be saved?")
    try:
        path = Path(typed.strip()).expanduser().absolute()
    except RuntimeError:
        raise Refused(f"{typed}: there is no such user") from None
    return path / _name(file) if path.is_dir() else path


def private_place(file: Attachment) -> Path:
    """For a copy that only this user can read, and that goes with the program. Its name says nothing but its kind."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = runtime if os.path.isdir(runtime) and os.access(runtime, os.W_OK) else None
    directory = tempfile.mkdtemp(prefix="aimx-", dir=base)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    ending = _ENDING.search(file.filename)
    return Path(directory) / f"attachment{ending[0] if ending else ''}"


def _name(file: Attachment) -> str:
    """A name without a path, without what a terminal or a shell would take for something else."""
    return _UNSAFE.sub("_", file.filename).lstrip(".-~ ")[:200] or "attachment"
