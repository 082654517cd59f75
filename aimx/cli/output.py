"""The one owner of stdout: data and nothing else."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

from aimx.errors import Exit, Failed


def write(text: str = "") -> None:
    """Print one piece of data. A reader that has gone away ends the program quietly.

    Raises: Failed when stdout cannot take it (a full disk).
    """
    if sys.stdout is None:  # started with a closed descriptor
        return
    encoding = sys.stdout.encoding or "utf-8"
    _put(text.encode(encoding, "backslashreplace") + b"\n")


def good(text: str) -> None:
    """One line that says what was done, green on a terminal."""
    write(f"\x1b[32m{text}\x1b[0m" if colour() else text)


def bold(text: str) -> str:
    """A heading on a terminal."""
    return f"\x1b[1m{text}\x1b[0m" if colour() else text


def yellow(text: str) -> str:
    """Something to look at, on a terminal."""
    return f"\x1b[33m{text}\x1b[0m" if colour() else text


def write_json(octets: bytes) -> None:
    """Print JSON that is one line. What a terminal would obey is written as JSON can: by its number. Raises: Failed."""
    text = octets.decode()
    if not text.isprintable():
        import json

        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    write(text)


def write_octets(octets: bytes) -> None:
    """Print data that is octets, such as a message, as it is. Raises: Failed."""
    if sys.stdout is not None:
        _put(octets)


def end_if_unread() -> None:
    """End the program quietly if nobody can read what it would print next: a pipe whose other end has gone away."""
    import select

    if sys.stdout is None:
        return
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
        _discard()
        raise SystemExit(int(Exit.BROKEN_PIPE))


def _put(octets: bytes) -> None:
    assert sys.stdout is not None
    try:
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _discard()
        raise SystemExit(int(Exit.BROKEN_PIPE)) from None
    except OSError as error:
        _discard()
        raise Failed(f"cannot write to standard output: {error.strerror}") from error


def leave(code: int) -> NoReturn:
    """End the process at once; everything has been written."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    os._exit(code)


def colour() -> bool:
    """Whether stdout shows colours: a terminal, and NO_COLOR unset."""
    return sys.stdout is not None and sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _discard() -> None:
    """What is still buffered goes nowhere, so that the interpreter's last flush says nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
