"""The screen of a letter as a form: its fields, its text, its files, what is wrong with them, and the draft on disk.

Never loses what was typed: a moment after each change it is kept, and when the program ends.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.types import CSSPathType
from textual.widgets import Input, Select, Static, TextArea

from aimx import limits
from aimx.drafting import attachments
from aimx.errors import AimxError, Failed, told
from aimx.mime import clean
from aimx_tui import safe
from aimx_tui.dash.compose import beginnings
from aimx_tui.dash.compose import letter as letters
from aimx_tui.dash.compose.drafts import Kept, Slip
from aimx_tui.dash.compose.letter import Letter
from aimx_tui.dash.compose.outcome import Outcome
from aimx_tui.dash.compose.parts import Body, Field, File, Files, Preview, mark
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.state import State
from aimx_tui.dash.working import later

_TITLES = {"new": "New letter", "reply": "Reply", "all": "Reply to all", "forward": "Forward"}
_LINES = (
    ("To", "to", "Recipients; several with commas"),
    ("Cc", "cc", "Recipients of a copy"),
    ("Bcc", "bcc", "Recipients whom nobody else sees"),
    ("Subject", "subject", "What it is about"),
)


class Form(Frame):
    """One letter. `slip` None: drafts cannot be kept here, which was said. What can be done with it, its heir knows."""

    CSS_PATH: ClassVar[CSSPathType | None] = "compose.tcss"

    def __init__(self, kept: Kept, slip: Slip | None, resumed: bool) -> None:
        super().__init__()
        self._kept, self._slip, self._resumed = kept, slip, resumed
        self._begun = kept.letter  # what leaving compares with
        self._outcome: Outcome | None = None
        self._under_way = self._over = self._judged = False
        self._seconds = 0
        self._offered: list[str] = []
        self._soons: dict[str, Timer] = {}

    # What is on it

    def body(self) -> ComposeResult:
        """The letter, what became of it, and a hint."""
        letter = self._kept.letter
        with Vertical(id="letter"):
            with Horizontal(classes="field"):
                yield Static(Text("  From"), classes="label", id="from-label")
                yield Select[str](self._senders(), prompt="choose a mailbox", compact=True, id="from")
            for label, name, about in _LINES:
                yield Field(label, name, about, getattr(letter, name))
            yield Files(id="files", compact=True)
            with Horizontal(id="texts"):
                yield Body(clean.body(letter.body), id="body", highlight_cursor_line=False)
                yield Preview(id="preview")
        with VerticalScroll(id="outcome"):
            yield Static("", id="told")
        yield Static("", id="hint")

    def on_mount(self) -> None:
        """The cursor where writing goes on."""
        letter = self._kept.letter
        self._choose(letter.from_)
        first = "#body" if letter.to and letter.kind != "forward" else "#field-to"
        self.query_one(first if letter.from_ else "#from").focus()
        self._kept = self._kept._replace(letter=self.gathered())
        self._begun = self._kept.letter
        self.look_at_files()
        self.hint()

    def show(self, state: State) -> None:
        """The daemon's state; mailboxes may come late."""
        super().show(state)
        if self.is_mounted and not self._under_way:
            chosen = self.query_one("#from", Select).selection or ""
            self._choose(chosen or self._kept.letter.from_)

    def _title(self, _: State) -> Text:
        kind = _TITLES[self._kept.letter.kind]
        return Text(" aimx", style="bold").append(f"   {kind}", style="bold").append(f"   {subject(self._kept.letter)}")

    def _senders(self) -> list[tuple[Text, str]]:
        known = beginnings.senders(self.dashboard.state.mailboxes)
        mine = self._kept.letter.from_
        return [(safe.text(address), address) for address in dict.fromkeys([*known, *filter(None, [mine])])]

    def _choose(self, address: str) -> None:
        choice, known = self.query_one("#from", Select), self._senders()
        if [value for _, value in known] != self._offered:
            self._offered = [value for _, value in known]
            choice.set_options(known)
        if address and choice.selection != address:
            choice.value = address

    # What is typed

    def gathered(self) -> Letter:
        lines: dict[str, Any] = {name: self.query_one(f"#field-{name}", Input).value for _, name, _ in _LINES}
        chosen = self.query_one("#from", Select).selection or ""
        return self._kept.letter._replace(from_=chosen, body=self.query_one("#body", Body).text, **lines)

    def on_input_changed(self, _: Input.Changed) -> None:
        """A field."""
        self._changed()

    def on_text_area_changed(self, _: TextArea.Changed) -> None:
        """The text."""
        self._changed()
        if self.has_class("-previewing"):
            self._soon("preview", limits.TUI_PREVIEW_S, self.draw_preview)

    def on_select_changed(self, _: Select.Changed) -> None:
        """The mailbox that sends."""
        self._changed()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Enter goes on."""
        self.focus_next()

    def on_files_dropped(self, dropped: Files.Dropped) -> None:
        """One file less: those of the mail that is sent on come first."""
        letter = self._kept.letter
        taken, files = list(letter.taken), list(letter.files)
        if dropped.at < len(taken):
            del taken[dropped.at]
        else:
            del files[dropped.at - len(taken)]
        self.filed(letter._replace(taken=tuple(taken), files=tuple(files)))

    def filed(self, letter: Letter) -> None:
        self._kept = self._kept._replace(letter=letter)
        self.look_at_files()
        self._changed()

    def _changed(self) -> None:
        if self._under_way or self._over:
            return
        letter = self.gathered()
        if letter != self._kept.letter or letter != self._begun:
            self._kept = self._kept._replace(letter=letter)
            self._soon("keep", limits.TUI_KEEP_S, self.keep)
        self.hint()

    def _soon(self, what: str, seconds: float, then: Callable[[], None]) -> None:
        """Once, a moment after the last wish."""
        before = self._soons.pop(what, None)
        if before is not None:
            before.stop()
        self._soons[what] = self.set_timer(seconds, then)

    def put(self, letter: Letter) -> None:
        """Another letter into the fields."""
        self._kept = self._kept._replace(letter=letter)
        for _, name, _ in _LINES:
            self.query_one(f"#field-{name}", Input).value = getattr(letter, name)
        body = self.query_one("#body", Body)
        if body.text != letter.body:
            body.load_text(clean.body(letter.body))
        self._changed()

    # What is kept of it

    @property
    def changed(self) -> bool:
        """Whether leaving it would lose anything."""
        return self._kept.letter != self._begun or self._kept.tried_at is not None

    def keep(self) -> None:
        """On disk, in a thread."""
        if self._slip is not None and not self._over and not self._under_way:
            self.run_worker(later(self._save, self._slip, self._kept, self._slip.ticket()), group="keep")

    async def _save(self, slip: Slip, kept: Kept, ticket: int) -> None:
        try:
            await asyncio.to_thread(slip.save, kept, ticket)
        except Failed as error:
            self.dashboard.say(told(error), trouble=True)

    def on_unmount(self) -> None:
        """The program ends, perhaps because somebody hung up."""
        if self._slip is not None and not self._over and not self._under_way:
            with contextlib.suppress(Failed):  # nobody is there to be told
                if self.changed:
                    self._slip.save(self._kept)
            self._slip.release()

    def look_at_files(self) -> None:
        """Their sizes, as they are now."""
        self.run_worker(later(self._sized, self._kept.letter), group="sizes", exclusive=True)

    async def _sized(self, letter: Letter) -> None:
        own = await asyncio.to_thread(lambda: [_size(path) for path in letter.files])
        rows = [File(letters.named(one), one.size, "of the forwarded mail") for one in letter.taken]
        rows += [File(path, size, why) for path, (size, why) in zip(letter.files, own, strict=True)]
        self.query_one("#files", Files).put(rows)

    def draw_preview(self) -> None:
        """As it will be read."""
        self.run_worker(later(self.query_one(Preview).draw, self._kept.letter.body), group="preview", exclusive=True)

    def on_page_resized(self) -> None:
        """Lines of another width."""
        if self.has_class("-previewing"):
            self.draw_preview()

    # What is said about it

    def hint(self) -> None:
        """What is wrong, or how it stands. What was not typed yet is not wrong before sending is tried."""
        if self._over:
            return
        letter, wrong = self._kept.letter, letters.problems(self._kept.letter)
        within = self.focused.id or "" if self.focused is not None else ""
        shown = [name for name in wrong if self._judged or getattr(letter, name)]
        mark(self.query_one("#from-label", Static), "From", "from_" in shown)
        for _, name, _ in _LINES:
            typing = within == f"field-{name}" and not self._judged
            self.query_one(f"#row-{name}", Field).mark(name in shown and not typing)
        about = next((name for name in shown if within == f"field-{name}"), shown[0] if shown else "")
        hint = self.query_one("#hint", Static)
        hint.update(safe.text(f"✗ {safe.line(wrong[about])}") if about else Text(self._standing(wrong)))
        hint.set_class(bool(about), "refusal")

    def _standing(self, wrong: dict[str, str]) -> str:
        if self._under_way:
            return f"◌ Sending … {self._seconds} s. Esc leaves; it goes on, and a notice tells how it ends."
        if wrong:
            return "Tab goes to the next field"
        many = len(letters.recipients(self._kept.letter))
        kept = "kept as a draft" if self._slip is not None else "not kept as a draft"
        return f"{many} recipient{'' if many == 1 else 's'} · {kept} until it is sent"

    def on_descendant_blur(self) -> None:
        """A field that was left is judged."""
        self.hint()

    def on_descendant_focus(self) -> None:
        """And one that is entered is looked at."""
        self.hint()


def _size(path: str) -> tuple[int | None, str]:
    """Of one file, or why it cannot go along. Blocking."""
    try:
        return attachments.sizes([path])[0], ""
    except AimxError as error:
        return None, f"✗ {told(error)}"


def subject(letter: Letter) -> str:
    """What it is called; a stranger's words where it is an answer."""
    return safe.line(letter.subject.strip()) or "(no subject)"
