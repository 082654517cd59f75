"""`aimx tui`: the dashboard on this terminal. Everything in it is asked of the daemon, as the user who runs it."""

import argparse
import gc

from aimx.config import places
from aimx.errors import Exit, Refused


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> int:
    """Show it until the person ends it."""
    from aimx_tui import terminal

    if not terminal.suitable():
        raise Refused("aimx tui needs a terminal with UTF-8; `aimx emails list` and `aimx watch` work without one")
    # Until the first picture stands: nothing becomes garbage, and looking for it takes a sixth of the start.
    gc.disable()
    from aimx_tui.dash import app
    from aimx_tui.dash.gateway import Gateway

    try:
        app.run(Gateway(places.socket_name()), options.data_dir)
    finally:
        gc.enable()
    return Exit.OK
