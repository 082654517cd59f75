"""Letters written in the dashboard: new ones, answers, mail sent on, and the drafts of all of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard
    from aimx_tui.dash.compose.letter import Kind
    from aimx_tui.dash.state import Mail


def open(app: "Dashboard", kind: "Kind", mail: "Mail | None" = None, to: str = "") -> None:
    """Have a letter written; all but a new one are about a mail. A draft that is kept of it is offered first.

    `to`: whom a new one goes to, as somebody else wrote it; what is kept is not offered then.
    """
    from aimx_tui.dash.compose import opening  # mail is shown before any is written
    from aimx_tui.dash.working import later

    app.run_worker(later(opening.begin, app, kind, mail, to), group="compose", exclusive=True)


def remind(app: "Dashboard") -> None:
    """Say that letters are there which were not sent."""
    from aimx_tui.dash.working import later

    app.run_worker(later(_remind, app), group="drafts", exclusive=True)


async def _remind(app: "Dashboard") -> None:
    import asyncio

    kept = await asyncio.to_thread(_count)
    if kept:
        app.say(f"{'1 draft is' if kept == 1 else f'{kept} drafts are'} kept; c offers what is not sent yet.")


def _count() -> int:
    from aimx_tui.dash.compose import drafts

    return len(drafts.Drafts(drafts.directory()).all())
