"""The one owner of stderr and of exit codes: every error becomes one plain line, never a traceback."""

import os
import sys

from aimx.errors import AimxError, DaemonRefused, Exit, disposition, told

_RED_BOLD, _GREEN, _RESET = "\x1b[31;1m", "\x1b[32m", "\x1b[0m"


def say(text: str) -> None:
    """Lines for the person. Control characters of strangers are shown, not sent to the terminal."""
    if sys.stderr is None:  # started with a closed descriptor
        return
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.stderr.write(visible(text) + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        _discard()
    except (OSError, ValueError):
        return


def _discard() -> None:
    """What is still buffered goes nowhere, so that the interpreter's last flush does not decide the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)


def ask(question: str) -> None:
    """A question; the answer is typed behind it."""
    if sys.stdout is not None:
        sys.stdout.flush()
    if sys.stderr is not None:
        sys.stderr.write(visible(question))
        sys.stderr.flush()


def error(text: str, code: str = "") -> None:
    """One line that begins with `Error:`, or `Error [CODE]:` when the daemon said it."""
    lead = f"Error [{code}]:" if code else "Error:"
    if _colour():
        sys.stderr.write(f"{_RED_BOLD}{lead}{_RESET} ")
        say(text)
    else:
        say(f"{lead} {text}")


def good(text: str) -> None:
    """One line about success."""
    if _colour():
        sys.stderr.write(f"{_GREEN}{text}{_RESET}\n")
    else:
        say(text)


def _colour() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and "NO_COLOR" not in os.environ


def wrong_usage(what: str, usage: str, tip: str | None = None) -> SystemExit:
    """Say what does not fit on the command line; raise the result."""
    say(f"error: {what}")
    if tip:
        say(f"\n  tip: {tip}")
    say(f"\nUsage: {usage}\n\nFor more information, try '--help'.")
    return SystemExit(int(Exit.USAGE))


def failed(error_: BaseException) -> Exit:
    """Print an error and return its exit code."""
    found = leaf(error_)
    if isinstance(found, KeyboardInterrupt):
        say("interrupted")
        return Exit.INTERRUPTED
    if isinstance(found, AimxError):
        error(f"[{found.code}] {found.reason}" if isinstance(found, DaemonRefused) else told(found))
        return disposition(found).exit
    if isinstance(found, OSError) and found.strerror:
        error(f"{found.filename or 'system'}: {found.strerror}")
        return Exit.FAILED
    if isinstance(found, ImportError) and _unpacked_again():
        error("files of aimx are missing or damaged; the next start unpacks it anew")
        return Exit.FAILED
    error(f"internal error, please report it: {type(found).__name__}: {' '.join(str(found).split())}")
    return Exit.FAILED


def _unpacked_again() -> bool:
    """A program file that unpacks itself does so again, once the marker is gone that says its tree is complete."""
    if "aimx_bundle" not in sys._xoptions:
        return False
    try:
        os.unlink(os.path.join(sys.prefix, "complete"))
    except OSError:
        return False
    return True


def leaf(error_: BaseException) -> BaseException:
    """The error inside groups that tells most: an interruption, then one of ours, then the first."""
    if not isinstance(error_, BaseExceptionGroup):
        return error_
    leaves = [leaf(inner) for inner in error_.exceptions]
    for kind in (KeyboardInterrupt, AimxError):
        for one in leaves:
            if isinstance(one, kind):
                return one
    return leaves[0]


def visible(text: str) -> str:
    """Text of strangers as it may go to a terminal: line feeds stay, other control characters are shown."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)
