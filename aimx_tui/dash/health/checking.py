"""Doctor beside the screen: gathers and judges in a thread of its own, so that nothing waits for it.

What is going on when the program ends is given up with it; nothing that is looked at is changed.
"""

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from aimx.errors import AimxError, told
from aimx_tui.dash.health.lines import Line


class Checked(NamedTuple):
    """`at`: seconds since the epoch. `report`: as `aimx doctor` prints it. `trouble`: why there is neither."""

    at: float
    found: tuple[Line, ...] = ()
    report: str = ""
    trouble: str = ""


async def checked(socket: str, data_dir: str | None) -> Checked:
    """Everything doctor knows of the installation of that daemon."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Checked] = loop.create_future()

    def settle(found: Checked | Exception) -> None:
        if not answer.done():
            answer.set_exception(found) if isinstance(found, Exception) else answer.set_result(found)

    def work() -> None:
        found: Checked | Exception
        try:
            found = _look(socket, data_dir)
        except Exception as error:  # noqa: BLE001  for whoever waits
            found = error
        with contextlib.suppress(RuntimeError):  # the screen has gone meanwhile
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=work, name="doctor", daemon=True).start()
    return await answer


def _look(socket: str, data_dir: str | None) -> Checked:
    """What that takes is loaded here, not by somebody who reads mail."""
    from aimx.cli import doctor_text
    from aimx.cli.style import Style
    from aimx.config import paths
    from aimx.provision import checks, gather
    from aimx_tui.dash.health import judging

    where = gather.Where(paths.config_file(), paths.data_dir_override(data_dir), Path(socket))
    try:
        facts = gather.gather(where)
        findings = checks.findings(facts)
        report = "\n".join(doctor_text.lines(facts, findings, Style(coloured=False)))
    except (AimxError, OSError) as error:
        reason = told(error) if isinstance(error, AimxError) else os.strerror(error.errno or 0)
        return Checked(time.time(), trouble=f"doctor could not look: {reason}")
    return Checked(facts.now, judging.lines(facts, findings), report)
