"""Another program on this desktop for a file or an address of the web. Only after a yes; never through a shell."""

import asyncio
import os
import shutil
import webbrowser

from aimx import limits
from aimx.errors import Failed, Refused

OPENER = "xdg-open"
NO_OPENER = "there is no xdg-open here that could open it; s saves it"
NO_DESKTOP = "there is no graphical session here in which a browser could be opened; copy it instead"


def opener() -> str | None:
    """The program that knows which program opens what."""
    return shutil.which(OPENER)


def browses() -> bool:
    """Whether there is a screen for a browser; one in this terminal would draw over us."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def open_file(path: str) -> None:
    """Raises: Refused, Failed."""
    program = opener()
    if program is None:
        raise Refused(NO_OPENER)
    await _run(program, path)


async def open_url(url: str) -> None:
    """Raises: Refused, Failed."""
    if not browses():
        raise Refused(NO_DESKTOP)
    program = opener()
    if program is not None:
        await _run(program, url)
    elif not await asyncio.to_thread(webbrowser.open, url):
        raise Failed("no browser could be started")


async def _run(program: str, argument: str) -> None:
    """Without our terminal. It may stay as long as it likes; how it ends is told only when that is soon."""
    quiet = asyncio.subprocess.DEVNULL
    try:
        child = await asyncio.create_subprocess_exec(
            program, argument, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except OSError as error:
        raise Failed(f"{program} could not be started: {error.strerror or error}") from error
    try:
        code = await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(child.wait())), limits.TUI_LAUNCH_S)
    except TimeoutError:
        return
    if code:
        raise Failed(f"{OPENER} could not open it (exit code {code})")
