"""The widgets of a letter: a field with its label, the text, its preview, the files. They show and tell; no more."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option
from textual.widgets.text_area import Edit, EditResult

from aimx import limits
from aimx.drafting.attachments import mebibytes
from aimx.mime import clean
from aimx_tui import safe
from aimx_tui.dash.mail import document
from aimx_tui.dash.mail.document import Colours, Line
from aimx_tui.dash.mail.page import Page


class Field(Horizontal):
    """A label and one line of text. Its label has a sign while something is wrong with it."""

    def __init__(self, label: str, name: str, about: str, value: str) -> None:
        super().__init__(classes="field", id=f"row-{name}")
        self._label, self._field, self._about, self._begins = label, name, about, value

    def compose(self) -> ComposeResult:
        """Both."""
        yield Static(Text(f"  {self._label}"), classes="label")
        line = Input(self._begins, compact=True, id=f"field-{self._field}", select_on_focus=False)
        line.tooltip = self._about
        yield line

    def mark(self, wrong: bool) -> None:
        """Show whether something is wrong."""
        mark(self.query_one(".label", Static), self._label, wrong)


def mark(label: Static, name: str, wrong: bool) -> None:
    """Whether something is wrong with what stands beside it."""
    label.update(Text(f"{'✗' if wrong else ' '} {name}"))
    label.set_class(wrong, "refusal")


class Body(TextArea):
    """The text. What is pasted or loaded loses its control characters: a terminal would obey them."""

    def edit(self, edit: Edit) -> EditResult:
        """Whatever changes the text comes by here."""
        edit.text = clean.body(edit.text)
        return super().edit(edit)


class Preview(Page):
    """The text as it will be read. Its links lead nowhere, and nothing is fetched."""

    async def draw(self, text: str) -> None:
        """Another text, laid out in a thread."""
        theme = self.app.current_theme
        colours = Colours(theme.primary, theme.secondary or theme.primary)
        self.put(await asyncio.to_thread(_drawn, clean.bare(text), self.measure, colours))


def _drawn(text: str, width: int, colours: Colours) -> list[Line]:
    first, rest = document.split(text)
    return [*document.markdown(first, width, colours).lines, *(document.plain(rest, width) if rest else [])]


class File(Option):
    """One that goes along: from a path, or of the mail that is sent on."""

    def __init__(self, name: str, size: int | None, note: str) -> None:
        told = Text(safe.line(name)).append(f"  {sized(size)}", style="dim")
        super().__init__(told.append(f"  {note}" if note else "", style="dim"))


class Files(OptionList):
    """All that go along. Hidden while there are none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,backspace,d", "drop", "Leave out", id="compose.drop", tooltip="Leave this file out")
    ]

    class Dropped(Message):
        """One is not to go along."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    def put(self, files: Sequence[File]) -> None:
        """Those that go along now."""
        at = self.highlighted
        self.set_options(files)
        self.display = bool(files)
        if files:
            self.highlighted = min(at or 0, len(files) - 1)

    def action_drop(self) -> None:
        """By key."""
        if self.highlighted is not None:
            self.post_message(self.Dropped(self.highlighted))


def sized(octets: int | None) -> str:
    """For people; of a file that cannot be read nothing."""
    if octets is None:
        return "?"
    if octets < limits.KIB:
        return f"{octets} B"
    return mebibytes(octets) if octets >= limits.MIB // 10 else f"{octets / limits.KIB:.1f} KiB"
