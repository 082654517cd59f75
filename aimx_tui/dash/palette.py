"""The command palette: what the keys of the screen do, and mailboxes, mail, hooks and themes by name.

Choosing does what the key does. Texts of strangers are rich Text: a plain one would be read as markup.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from aimx import limits
from aimx.errors import AimxError
from aimx.wire.frames import EmailSearch
from aimx_tui import safe
from aimx_tui.dash import state
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.state import Mail

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard
    from aimx_tui.dash.hooks.screen import HooksMode
    from aimx_tui.dash.mail.screen import MailMode

_FOUND = 0.01  # the score of what the daemon found: below all that the typed letters fit
_BREATH = 50  # candidates between two looks at whether something else was typed


class Offer(NamedTuple):
    """`text` is what is matched and shown; `at_once`: also before anything is typed."""

    text: str
    does: Callable[[], Awaitable[Any] | None]
    at_once: bool = False


class _Of(Provider):
    """Of the dashboard."""

    @property
    def dashboard(self) -> "Dashboard":
        """The app."""
        return cast("Dashboard", self.app)


class Offers(_Of):
    """What is known without asking anybody."""

    async def discover(self) -> Hits:
        """The actions of the screen, mailboxes, hooks."""
        for offer in _offers(self.dashboard, self.screen):
            if offer.at_once:
                yield DiscoveryHit(_shown(offer.text), offer.does, offer.text)

    async def search(self, query: str) -> Hits:
        """What fits the letters."""
        matcher = self.matcher(query)
        for number, offer in enumerate(_offers(self.dashboard, self.screen)):
            score = matcher.match(offer.text)
            if score > 0:
                yield Hit(score, _shown(offer.text), offer.does, offer.text)
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)


class Searched(_Of):
    """What the daemon finds for the words, once nothing more is typed for a moment."""

    async def search(self, query: str) -> Hits:
        """Mail. Half a question is none, and while nobody answers nothing is found: the banner says so."""
        await asyncio.sleep(limits.TUI_SETTLE_S)
        try:
            told = await self.dashboard.gateway.value(EmailSearch(query, folder="all", limit=limits.TUI_FOUND))
        except AimxError:
            return
        loaded = {row.key for row in self.dashboard.state.listing.rows[: limits.TUI_PALETTE_MAIL]}
        for row in map(state.mail, told["emails"]):
            if row.key not in loaded or not self.matcher(query).match(_words(row)):
                yield Hit(_FOUND, _shown(_words(row)), partial(_to_mail, self.dashboard, row), _words(row))


def _offers(app: "Dashboard", screen: Screen[object]) -> Iterator[Offer]:
    yield from _actions(app, screen)
    for box in app.state.mailboxes:
        if box.registered:
            yield Offer(f"Mailbox: {box.name}", partial(_to_mailbox, app, box.name), at_once=True)
    for hook in app.state.hooks:
        yield Offer(f"Hook: {hook['name']}", partial(_to_hook, app, hook["name"]), at_once=True)
    for name in app.available_themes:
        yield Offer(f"Theme: {name}", partial(setattr, app, "theme", name))
    for row in app.state.listing.rows[: limits.TUI_PALETTE_MAIL]:
        yield Offer(_words(row), partial(_to_mail, app, row))


def _actions(app: "Dashboard", screen: Screen[object]) -> Iterator[Offer]:
    """What has a tooltip and is enabled; each once, whatever keys it has."""
    seen = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        known = binding.id in seen or binding.action == "command_palette"
        if known or binding.id is None or not active.enabled or not binding.tooltip or binding.system:
            continue
        seen.add(binding.id)
        key = app.get_key_display(binding)
        text = f"{binding.description or binding.tooltip}  ({key}): {binding.tooltip}"
        yield Offer(text, partial(app.run_action, binding.action, active.node), at_once=binding.show)


def _words(mail: Mail) -> str:
    where = f"{mail.mailbox}, sent" if mail.folder == "sent" else mail.mailbox
    return f"Mail: {safe.line(mail.subject)} · {safe.line(mail.from_ or mail.to)} ({where})"


def _shown(text: str) -> Text:
    shown = safe.text(text)
    shown.truncate(limits.TUI_PALETTE_CELLS, overflow="ellipsis")
    return shown


async def _to_mailbox(app: "Dashboard", name: str) -> None:
    mode = cast("MailMode | None", await _mode(app, "mail"))
    if mode is not None:
        mode.to_mailbox(name)
        mode.mails.focus()


async def _to_mail(app: "Dashboard", mail: Mail) -> None:
    mode = cast("MailMode | None", await _mode(app, "mail"))
    if mode is not None:
        mode.mails.go(mail.key)
        mode.enter(mail)


async def _to_hook(app: "Dashboard", name: str) -> None:
    mode = cast("HooksMode | None", await _mode(app, "hooks"))
    if mode is not None:
        mode.choose(name)


async def _mode(app: "Dashboard", name: str) -> Frame | None:
    """The screen of that mode; None, and said, where something else is on top of it."""
    await app.switch_mode(name)
    if isinstance(app.screen, Frame):
        return app.screen
    app.say("Something else is open here; finish it first.", trouble=True)
    return None
