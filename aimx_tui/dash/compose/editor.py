"""The text in the user's own editor and back. The terminal is the editor's meanwhile; what goes wrong loses nothing."""

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.app import App, SuspendNotSupported

from aimx import limits
from aimx.errors import Failed, Refused


async def edited(app: App[None], text: str) -> str:
    """The text as the editor left it. Raises: Refused, Failed; then the text is what it was."""
    argv = _command()
    room = Path(tempfile.mkdtemp(prefix="aimx-"))  # of the user alone (0700)
    keep = False
    try:
        file = room / "letter.md"
        _write(file, text)
        code = await _run(app, [*argv, str(file)], argv[0])
        octets = _read(file)
        if code != 0:
            keep = octets != _octets(text)
            raise Failed(_failed(argv[0], code) + (f"; what it wrote is in {file}" if keep else ""))
        try:
            return octets.decode()
        except UnicodeDecodeError:
            keep = True
            raise Refused(f"{argv[0]} wrote no UTF-8 text; it is in {file}") from None
    finally:
        if not keep:
            shutil.rmtree(room, ignore_errors=True)


def _command() -> list[str]:
    """Raises: Refused."""
    wanted = os.environ.get("VISUAL", "").strip() or os.environ.get("EDITOR", "").strip()
    if not wanted:
        raise Refused("no editor is named: set VISUAL or EDITOR and start aimx tui again")
    try:
        argv = shlex.split(wanted)
    except ValueError as error:
        raise Refused(f"VISUAL or EDITOR cannot be read as a command: {error}") from None
    if not argv or shutil.which(argv[0]) is None:
        raise Refused(f"the editor {wanted} was not found; VISUAL and EDITOR name it")
    return argv


async def _run(app: App[None], argv: list[str], name: str) -> int:
    try:
        with _lent(app):
            process = await asyncio.create_subprocess_exec(*argv)
            try:
                return await process.wait()
            finally:
                if process.returncode is None:  # the program ends; whoever hung up ends the editor too
                    process.terminate()
    except SuspendNotSupported:
        raise Refused("this terminal cannot be lent to an editor") from None
    except OSError as error:
        raise Refused(f"{name} cannot be started: {error.strerror}") from None


@contextmanager
def _lent(app: App[None]) -> Iterator[None]:
    """The terminal is the editor's: nothing is drawn, and an interrupt typed there is none of ours."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which a child would inherit
    try:
        with app.batch_update(), app.suspend():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
        app.refresh(layout=True)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _write(file: Path, text: str) -> None:
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as written:
            written.write(_octets(text))
    except OSError as error:
        raise Failed(f"the text cannot be written for the editor: {error.strerror}") from None


def _read(file: Path) -> bytes:
    """What is there now; the editor may have put another file in its place. Raises: Failed, Refused."""
    try:
        with open(file, "rb") as read:
            octets = read.read(limits.FRAME_BODY_OCTETS + 1)
    except OSError as error:
        raise Failed(f"the editor left nothing that can be read: {error.strerror}") from None
    if len(octets) > limits.FRAME_BODY_OCTETS:
        raise Refused("the editor left more than a message holds")
    return octets


def _failed(name: str, code: int) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    return f"{name} {how}; the text is as it was"
