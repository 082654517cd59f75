"""Letters that are not sent yet, on disk: what was written survives a crash, a hang-up and a daemon that is away.

Files of the user's own (0600, in a directory of 0700), each exchanged as a whole. Blocking: for threads. Never sends.
"""

import contextlib
import fcntl
import json
import os
import secrets
import stat
import threading
import time
from pathlib import Path
from typing import NamedTuple

from aimx import limits
from aimx.errors import Failed, Refused
from aimx_tui.dash.compose import letter as letters
from aimx_tui.dash.compose.letter import Letter

_ENDING, _LOCK = ".json", ".lock"


class Kept(NamedTuple):
    """A draft. `key`: what it is sent under; `tried_at`: when it was handed over without a known end, else None."""

    letter: Letter
    key: str
    tried_at: float | None = None
    changed_at: float = 0.0


def new_key() -> str:
    """Of one wish to send one letter."""
    return f"tui-{secrets.token_hex(16)}"


def directory() -> Path:
    """Where the drafts of this user are."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "aimx" / "drafts"


class Slip:
    """The file of one letter, held as long as somebody writes it. Any thread may use it; the newest wish counts."""

    def __init__(self, where: Path, name: str, lock: int) -> None:
        self._where, self.name, self._held = where, name, lock
        self._mutex = threading.Lock()
        self._order = 0

    def ticket(self) -> int:
        """To be taken, in order, before a `save` that may run later than another one."""
        with self._mutex:
            self._order += 1
            return self._order

    def save(self, kept: Kept, ticket: int | None = None) -> None:
        """On disk when it returns, unless there was a newer wish. Raises: Failed."""
        with self._mutex:
            if self._held < 0 or (ticket is not None and ticket != self._order):
                return
            written = {"key": kept.key, "tried_at": kept.tried_at, "changed_at": time.time()}
            text = json.dumps({**written, "letter": letters.plain(kept.letter)})
            try:
                _exchange(self._where, self.name + _ENDING, text.encode("utf-8", "surrogatepass"))
            except OSError as error:
                raise Failed(f"the draft cannot be kept in {self._where}: {error.strerror}") from None

    def remove(self) -> None:
        """It is sent, or not wanted. Nothing is saved after it."""
        with self._mutex:
            if self._held >= 0:
                with contextlib.suppress(OSError):
                    (self._where / (self.name + _ENDING)).unlink(missing_ok=True)
                self._let_go()

    def release(self) -> None:
        """Nobody writes it any more."""
        with self._mutex:
            if self._held >= 0:
                self._let_go()

    def _let_go(self) -> None:
        if not (self._where / (self.name + _ENDING)).exists():
            with contextlib.suppress(OSError):
                (self._where / (self.name + _LOCK)).unlink(missing_ok=True)
        os.close(self._held)
        self._held = -1


class Drafts:
    """All drafts of this user."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def begin(self) -> Slip:
        """For a new letter; there is no file of it before the first `save`. Raises: Failed."""
        try:
            self._prepare()
            slip = self._take(secrets.token_hex(8))
        except OSError as error:
            raise Failed(f"drafts cannot be kept in {self.where}: {error.strerror}") from None
        assert slip is not None
        return slip

    def take(self, name: str) -> tuple[Slip, Kept]:
        """One of those that are kept. Raises: Failed, Refused."""
        try:
            slip = self._take(name)
        except OSError as error:
            raise Failed(f"the draft cannot be opened: {error.strerror}") from None
        if slip is None:
            raise Refused("this draft is being written in another window")
        try:
            return slip, self._read(name)
        except OSError as error:
            slip.release()
            raise Failed(f"the draft cannot be read: {error.strerror}") from None
        except Refused:
            slip.release()
            raise

    def all(self) -> list[tuple[str, Kept]]:
        """Those that nobody writes just now, the newest first; what cannot be read is left alone."""
        found: list[tuple[str, Kept]] = []
        with contextlib.suppress(OSError):
            for path in self.where.glob(f"*{_ENDING}"):
                with contextlib.suppress(OSError, Refused):
                    slip = self._take(path.stem)
                    if slip is not None:
                        slip.release()
                        found.append((path.stem, self._read(path.stem)))
        found.sort(key=lambda one: one[1].changed_at, reverse=True)
        return found[: limits.TUI_DRAFTS]

    def _prepare(self) -> None:
        self.where.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = os.lstat(self.where)
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
            raise OSError(0, "it is not a directory of yours")
        if stat.S_IMODE(about.st_mode) != 0o700:
            os.chmod(self.where, 0o700)

    def _take(self, name: str) -> Slip | None:
        """None: somebody has it. Raises: OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(self.where / (name + _LOCK), flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return Slip(self.where, name, lock)

    def _read(self, name: str) -> Kept:
        """Raises: OSError, Refused."""
        fd = os.open(self.where / (name + _ENDING), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            octets = file.read(limits.TUI_DRAFT_OCTETS + 1)
        try:
            found = json.loads(octets.decode("utf-8", "surrogatepass"))
            tried = found["tried_at"]
            return Kept(
                letters.read(found["letter"]),
                str(found["key"]),
                None if tried is None else float(tried),
                float(found["changed_at"]),
            )
        except (ValueError, KeyError, TypeError):
            raise Refused("a draft that cannot be read") from None


def _exchange(where: Path, name: str, octets: bytes) -> None:
    """The whole file or the one before. Raises: OSError."""
    beside = where / f".{name}.new"
    beside.unlink(missing_ok=True)
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(fd)
    os.replace(beside, where / name)
