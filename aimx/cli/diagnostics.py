"""The one owner of stderr and of exit codes: every error becomes one plain line."""

import sys

from aimx.errors import AimxError, Exit, disposition, told


def say(text: str) -> None:
    """A line for the person."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def failed(error: BaseException) -> Exit:
    """Print an error and return its exit code. No traceback ever reaches a user."""
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return Exit.INTERRUPTED
    if isinstance(error, AimxError):
        say(f"Error: {told(error)}")
        return disposition(error).exit
    if isinstance(error, OSError) and error.strerror:
        say(f"Error: {error.filename or 'system'}: {error.strerror}")
        return Exit.FAILED
    say(f"Error: {type(error).__name__}: {error}")
    return Exit.FAILED
