"""Letters written in the dashboard: new ones, answers, mail sent on, and the drafts of all of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard
    from aimx_tui.dash.compose.letter import Kind
    from aimx_tui.dash.state import Mail


def open(app: "Dashboard", kind: "Kind", mail: "Mail | None" = None) -> None:
    """Have a letter written; all but a new one are about a mail. A draft that is kept of it is offered first."""
    from aimx_tui.dash.compose import opening  # mail is shown before any is written
    from aimx_tui.dash.working import later

    app.run_worker(later(opening.begin, app, kind, mail), group="compose", exclusive=True)
