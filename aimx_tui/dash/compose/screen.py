"""What can be done with a letter that is written: send it, see it, edit it elsewhere, attach files, leave it."""

import asyncio
import time
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Static

from aimx.drafting import attachments
from aimx.errors import AimxError, told
from aimx.mime import clean
from aimx_tui import safe
from aimx_tui.dash.compose import drafts, editor, outcome, sending
from aimx_tui.dash.compose import letter as letters
from aimx_tui.dash.compose.asks import Attach, Leaving, Left, start
from aimx_tui.dash.compose.drafts import Kept
from aimx_tui.dash.compose.form import Form
from aimx_tui.dash.compose.outcome import Outcome
from aimx_tui.dash.compose.parts import Body
from aimx_tui.dash.compose.questions import doubts
from aimx_tui.dash.confirm import Confirm
from aimx_tui.dash.working import later

_AGAIN = "Whoever has it already gets it a second time: nobody knows whether the first one left."


class ComposeScreen(Form):
    """One letter, from the first word to its outcome."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", "Send", id="compose.send", tooltip="Send the letter"),
        Binding("ctrl+n", "anew", "Anew", id="compose.anew", tooltip="Go on with a letter that not everybody has"),
        Binding("ctrl+t", "preview", "Preview", id="compose.preview", tooltip="Show the text as it will be read"),
        Binding("ctrl+o", "editor", "Editor", id="compose.editor", tooltip="The text in $VISUAL or $EDITOR"),
        Binding("ctrl+g", "attach", "Attach", id="compose.attach", tooltip="Attach a file"),
        Binding("escape", "back", "Leave", id="compose.back", tooltip="Leave; asks whether to keep a changed letter"),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it is on its way it can only be left; anew only what may need it."""
        if action in ("send", "editor", "attach"):
            return not self._under_way
        if action == "anew":
            return not self._under_way and self._outcome is not None and self._outcome.state in outcome.ANEW
        return super().check_action(action, parameters)

    # Sending

    def action_send(self) -> None:
        """Send it, after a question where its author may have meant something else."""
        self._judged = True
        self._kept = self._kept._replace(letter=self.gathered())
        self.hint()
        wrong = letters.problems(self._kept.letter)
        if wrong:
            name = next(iter(wrong))
            self.query_one("#from" if name == "from_" else f"#field-{name}").focus()
            return
        unsure = doubts(self._kept, time.time())
        if unsure:
            question = Confirm("Send it all the same?", "\n".join(unsure), "Send", keep="Go on writing")
            self.app.push_screen(question, self._sure)
        else:
            self._start()

    def _sure(self, yes: bool | None) -> None:
        if yes:
            self._start()

    def _start(self) -> None:
        self._under_way, self._seconds, self._outcome = True, 0, None
        self.query_one("#letter").disabled = True
        self.query_one("#outcome").display = False
        self._ticking = self.set_interval(1, self._tick)
        self.hint()
        self.refresh_bindings()
        # Of the app: it goes on when this screen is left.
        self.app.run_worker(later(sending.send, self.dashboard, self._slip, self._kept, self._settled), group="sending")

    def _tick(self) -> None:
        self._seconds += 1
        self.hint()

    def _settled(self, found: Outcome, kept: Kept) -> bool:
        """What became of it. False: nobody is here any more."""
        if self._over:
            return False
        self._ticking.stop()
        if found.state == "delivered":
            self._over = True
            self._away()
            return True
        self._kept, self._outcome, self._under_way, self._judged = kept, found, False, False
        self.query_one("#letter").disabled = False
        self.query_one("#told", Static).update(safe.text("\n".join(map(safe.line, outcome.lines(found)))))
        self.query_one("#outcome").display = True
        self.query_one("#body").focus()
        self.hint()
        self.refresh_bindings()
        return True

    def action_anew(self) -> None:
        """Only to those who do not have it; where that is not known, after a question."""
        found = self._outcome
        if found is None:
            return
        letter = self.gathered()
        if found.without and not letters.problems(letter):
            letter = letters.only(letter, set(found.without))
        if found.state == "partial":
            self._outcome = None
            self.put(letter)
            self.query_one("#outcome").display = False
            self.refresh_bindings()
            return
        self.put(letter)
        question = Confirm("Send it as a letter of its own?", _AGAIN, "Send", keep="Go on writing")
        self.app.push_screen(question, self._anew)

    def _anew(self, yes: bool | None) -> None:
        if yes:
            self._kept = self._kept._replace(key=drafts.new_key(), tried_at=None)
            self.action_send()

    # The text and the files

    def action_preview(self) -> None:
        """Beside the text where there is room, else in its place."""
        self.toggle_class("-previewing")
        if self.has_class("-previewing"):
            self.draw_preview()
            self.query_one("#preview" if self.has_class("-narrow") else "#body").focus()
        else:
            self.query_one("#body").focus()

    def action_editor(self) -> None:
        """In the user's own editor."""
        self.run_worker(later(self._edit), group="editor", exclusive=True)

    async def _edit(self) -> None:
        body = self.query_one("#body", Body)
        try:
            text = await editor.edited(self.app, body.text)
        except AimxError as error:
            self.dashboard.say(told(error), trouble=True)
            return
        text = clean.body(text)
        if text != body.text:
            body.replace(text, (0, 0), body.document.end)  # one step, which can be undone
            body.move_cursor((0, 0))

    def action_attach(self) -> None:
        """A file by its path."""
        self.app.push_screen(Attach(start()), self._chosen)

    def _chosen(self, path: str | None) -> None:
        if path is not None:
            self.run_worker(later(self._attached, path), group="attach")

    async def _attached(self, path: str) -> None:
        files = (*self._kept.letter.files, path)
        try:
            await asyncio.to_thread(attachments.sizes, list(files))
        except AimxError as error:
            self.dashboard.say(told(error), trouble=True)
            return
        self.filed(self.gathered()._replace(files=files))

    # Leaving

    def action_back(self) -> None:
        """At once where nothing is lost by it."""
        if self._under_way or not self.changed:
            self._leave("keep" if self._resumed or self._under_way else "discard")
        elif self._slip is None or not self._resumed or self._kept.letter != self._begun:
            self.app.push_screen(Leaving(), self._leave)
        else:
            self._leave("keep")

    def _leave(self, left: Left | None) -> None:
        if left in (None, "write") or self._over:
            return
        self.run_worker(later(self._left, left == "keep"), group="leaving", exclusive=True)

    async def _left(self, keep: bool) -> None:
        slip, under_way = self._slip, self._under_way
        if slip is not None and not under_way:
            if keep:
                await self._save(slip, self._kept, slip.ticket())
                await asyncio.to_thread(slip.release)
            else:
                await asyncio.to_thread(slip.remove)
        self._over = True
        self._away()

    def _away(self) -> None:
        """Off the stack, with whatever asks above it."""
        while self.app.screen is not self and self in self.app.screen_stack:
            self.app.pop_screen()
        if self.app.screen is self:
            self.app.pop_screen()
