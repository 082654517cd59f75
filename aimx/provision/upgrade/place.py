"""The place of a program file: the new one beside it, the old one kept as `.prev`, and the exchange of the two.

Every change is one rename, synced, so that at each instant a program lies at its path, and from before the exchange
until its end the one that ran before lies at `.prev`. A journal says what was begun; who finds it can finish or take
back what somebody who was killed has left. Decides nothing and runs nothing.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from aimx import limits
from aimx.effects import files
from aimx.errors import Failed

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
_MODE = 0o755


class Journal(msgspec.Struct, frozen=True):
    """An upgrade that was begun. `old`, `new`: SHA-256 of the program files. `unit`: the service file before."""

    current: str
    target: str
    old: str
    new: str
    older: bool  # there was a `.prev` before
    keep: bool  # the old program is worth being `.prev` afterwards
    smtp: tuple[str, int] | None  # where the service listened; None: it did not run
    unit: tuple[str, str] | None = None  # the service file before and after, if it changes


class Place:
    """One program file, and what lies beside it. Raises: Failed, naming the file, wherever the disk does not do."""

    def __init__(self, program: Path) -> None:
        """Raises: Failed when there is no such file."""
        self.program = program
        self.prev = program.with_name(f"{program.name}.prev")
        self.new = program.with_name(f".{program.name}.new")
        hidden = f".{program.name}"
        self._older, self._twin, self._journal = f"{hidden}.older", f"{hidden}.twin", f"{hidden}.upgrade"
        with _told(program.parent):
            self._fd = files.open_directory(str(program.parent))
        if not program.is_file():
            os.close(self._fd)
            raise Failed(f"{program}: there is no program file to upgrade")

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._fd)

    def digest(self) -> str:
        """SHA-256 of the program as it lies there, in hex."""
        with _told(self.program):
            return self._digest(self.program.name)

    def stage(self, write: Callable[[BinaryIO], None]) -> str:
        """The new program beside the old one, durable; its SHA-256 in hex. Raises: what `write` raises."""
        with _told(self.new):
            files.remove(self._fd, self.new.name)
            fd = os.open(self.new.name, files.CREATE, 0o600, dir_fd=self._fd)
            try:
                with open(fd, "wb", closefd=False) as file:
                    write(file)
                os.fchmod(fd, _MODE)
                os.fsync(fd)
            finally:
                os.close(fd)
            return self._digest(self.new.name)

    def preserve(self, journal: Journal) -> None:
        """The old program is `.prev` too; what was `.prev` before is kept aside."""
        with _told(self.prev):
            files.replace(self._fd, self._journal, msgspec.json.encode(journal), 0o600)
            if journal.older:
                self._copy(self.prev.name, self._older)
            self._copy(self.program.name, self.prev.name)
            os.fsync(self._fd)

    @property
    def programs(self) -> tuple[Path, ...]:
        """Every file here that is a program or may become one again."""
        return (self.program, self.prev, self.new, self.program.with_name(self._older))

    @property
    def has_prev(self) -> bool:
        """There is a `.prev`."""
        return files.exists(self._fd, self.prev.name)

    def switch(self) -> None:
        """The new program lies at the path."""
        with _told(self.program):
            os.rename(self.new.name, self.program.name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            os.fsync(self._fd)

    def switch_back(self) -> None:
        """The old program lies at the path again."""
        with _told(self.program):
            self._copy(self.prev.name, self.program.name)
            os.fsync(self._fd)

    def forget(self, journal: Journal, journal_stays: bool = False) -> None:
        """All is as it was before `preserve`, provided that the old program lies at the path."""
        with _told(self.prev):
            self._put_prev_back(journal)
            if not journal_stays:
                self.clear()

    def confirm(self, journal: Journal) -> None:
        """The new program stays, and the old one as `.prev`, or what was `.prev` before."""
        with _told(self.prev):
            if not journal.keep:
                self._put_prev_back(journal)
            self.clear()

    def begun(self) -> Journal | None:
        """What somebody began and did not end."""
        with _told(self.program.with_name(self._journal)):
            try:
                octets = files.read(self._fd, self._journal, limits.RELEASE_JOURNAL_OCTETS)
                return msgspec.json.decode(octets, type=Journal)
            except (FileNotFoundError, msgspec.MsgspecError):
                return None

    def reached(self, journal: Journal) -> Literal["before", "after", "elsewhere"]:
        """Which program lies at the path, of those that the journal knows."""
        found = self.digest()
        if found == journal.old:
            return "before"
        return "after" if found == journal.new else "elsewhere"

    def clear(self) -> None:
        """Remove what is only there while an upgrade is on its way. The journal goes first: without it nothing is."""
        with _told(self.new):
            files.remove(self._fd, self._journal)
            os.fsync(self._fd)
            for name in (self.new.name, self._older, self._twin, f".{self._twin}.part", f".{self._journal}.part"):
                files.remove(self._fd, name)
            os.fsync(self._fd)

    def _put_prev_back(self, journal: Journal) -> None:
        if files.exists(self._fd, self._older):
            os.rename(self._older, self.prev.name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        elif not journal.older:
            files.remove(self._fd, self.prev.name)
        os.fsync(self._fd)

    def _copy(self, source: str, target: str) -> None:
        """Another name for a file, in the place of whatever had it; a copy where there are no links."""
        files.remove(self._fd, self._twin)
        try:
            os.link(source, self._twin, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._duplicate(source)
        os.rename(self._twin, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        # Of one file with two names a rename does nothing, and leaves both.
        files.remove(self._fd, self._twin)
        os.fsync(self._fd)

    def _duplicate(self, source: str) -> None:
        part = f".{self._twin}.part"
        files.remove(self._fd, part)
        fd = os.open(source, files.READ, dir_fd=self._fd)
        try:
            files.write_new(self._fd, part, b"", _MODE, files.Rest(fd, 0, os.fstat(fd).st_size))
        finally:
            os.close(fd)
        os.rename(part, self._twin, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def _digest(self, name: str) -> str:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
        with open(fd, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error
