"""`aimx-verifier`: all settings are in the environment; `--help` names them. Prints one line for what goes wrong."""

import contextlib
import os
import resource
import sys

from aimx.errors import AimxError, Exit, sole, told
from aimx.verifier import settings


def main() -> None:
    """Console script."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """The exit code."""
    if words:
        asked = words in (["--help"], ["-h"])
        (sys.stdout if asked else sys.stderr).write(_help())
        return Exit.OK if asked else Exit.USAGE
    try:
        found = settings.read(os.environ)
    except AimxError as error:
        return _failed(error, Exit.USAGE)
    _enough_descriptors()
    import trio

    from aimx.verifier.service import serve

    try:
        trio.run(serve, found)
    except BaseException as error:
        leaf = sole(error)
        if isinstance(leaf, AimxError):
            return _failed(leaf, Exit.FAILED)
        if isinstance(leaf, KeyboardInterrupt):
            return Exit.INTERRUPTED
        raise
    return Exit.OK


def _help() -> str:
    lines = ["The companion service of aimx: is port 25 of whoever asks reachable?", "", "Usage: aimx-verifier", ""]
    lines += ["Environment:", *(f"  {name:<22} {what}" for name, what in settings.VARIABLES.items())]
    return "\n".join(lines) + "\n"


def _failed(error: AimxError, code: Exit) -> Exit:
    sys.stderr.write(f"Error: {told(error)}\n")
    return code


def _enough_descriptors() -> None:
    """As many as are allowed: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # a sandbox that allows no change; then what there is has to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
