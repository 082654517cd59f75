"""What is asked while a letter is written: keep it, which draft, which file."""

import os
import time
from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.compose.drafts import Kept
from aimx_tui.dash.working import later

Left = Literal["keep", "discard", "write"]


class Leaving(ModalScreen[Left]):
    """What becomes of a letter that is not sent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "say('keep')", "Keep", id="leaving.keep", tooltip="Keep it as a draft"),
        Binding("d", "say('discard')", "Discard", id="leaving.discard", tooltip="Throw it away"),
        Binding("escape", "say('write')", "Go on", id="leaving.write", tooltip="Go on writing"),
        Binding("right", "app.focus_next", "", show=False, id="leaving.right", tooltip="To the next button"),
        Binding("left", "app.focus_previous", "", show=False, id="leaving.left", tooltip="To the button before"),
    ]

    def compose(self) -> ComposeResult:
        """Three buttons; Enter keeps."""
        with Vertical(classes="dialog"):
            yield Static(Text("This letter is not sent"), classes="dialog-title")
            yield Static(Text("A draft is offered again when you compose or answer."))
            with Horizontal(classes="buttons"):
                yield Button(Text("Keep"), id="keep")
                yield Button(Text("Discard"), id="discard")
                yield Button(Text("Go on writing"), id="write")

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """One of the three."""
        pressed.stop()
        self.action_say(pressed.button.id or "write")

    def action_say(self, said: str) -> None:
        """By key."""
        self.dismiss("keep" if said == "keep" else "discard" if said == "discard" else "write")


class Offer(ModalScreen[str | None]):
    """The drafts that are kept. Answers the name of one, empty for a new letter, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Back", id="offer.back", tooltip="Write nothing")
    ]

    def __init__(self, kept: list[tuple[str, Kept]], fresh: str) -> None:
        super().__init__()
        self._kept, self._fresh = kept, fresh

    def compose(self) -> ComposeResult:
        """A new one first, then those."""
        with Vertical(classes="dialog"):
            yield Static(Text("Drafts are kept"), classes="dialog-title")
            rows = [Option(Text(self._fresh), id="new")]
            yield OptionList(*rows, *(Option(_told(one), id=f"kept-{name}") for name, one in self._kept), compact=True)
            yield Static(Text("Enter opens; a draft is thrown away where it is written: Esc, d"), classes="hint")

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        """One of them."""
        self.dismiss((selected.option_id or "").removeprefix("kept-").removeprefix("new"))


def _told(kept: Kept) -> Text:
    letter = kept.letter
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.changed_at))
    mark = "? may have been sent  " if kept.tried_at is not None else ""
    about = f"{letter.subject or '(no subject)'}  → {letter.to or '(nobody yet)'}"
    return Text(f"{day}  ", no_wrap=True, overflow="ellipsis").append(mark, style="bold").append(safe.line(about))


class Attach(ModalScreen[str | None]):
    """The path of a file. What begins as it was typed is listed; Tab takes what all of that have in common."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="attach.back", tooltip="Attach nothing"),
        Binding("tab", "complete", "Complete", id="attach.complete", priority=True, tooltip="Complete the path"),
        Binding("down", "list", "List", id="attach.list", show=False, tooltip="To the list of files"),
    ]

    def __init__(self, begin: str) -> None:
        super().__init__()
        self._begin = begin
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        """A line, and what there is."""
        with Vertical(classes="dialog"):
            yield Static(Text("Attach a file"), classes="dialog-title")
            yield Input(self._begin, id="path", select_on_focus=False)
            yield OptionList(id="paths", compact=True)
            yield Static(Text("Tab completes, Enter takes the file, Esc goes back"), classes="hint")

    def on_mount(self) -> None:
        """Where to type."""
        self.query_one("#path").focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Look what begins like this; an older look is dropped."""
        self.run_worker(later(self._look, changed.value), exclusive=True, group="paths")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """The path as it stands; of a directory the way into it."""
        self._take(submitted.value)

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        """One of the list."""
        self._take(self._found[selected.option_index])

    def action_complete(self) -> None:
        """As far as there is but one way to go on."""
        line = self.query_one("#path", Input)
        common = os.path.commonprefix(self._found)  # noqa: RUF071  of characters, as is typed
        if len(common) > len(line.value):
            self._put(common)

    def action_list(self) -> None:
        """By key."""
        self.query_one("#paths").focus()

    def _take(self, path: str) -> None:
        if path.endswith("/"):
            self._put(path)
        elif path.strip():
            self.dismiss(expanded(path))

    def _put(self, path: str) -> None:
        line = self.query_one("#path", Input)
        line.value = path
        line.cursor_position = len(path)
        line.focus()

    async def _look(self, typed: str) -> None:
        import asyncio

        self._found = await asyncio.to_thread(beginning_with, typed)
        shown = [Option(Text(safe.line(os.path.basename(path.rstrip("/")) + "/" * path.endswith("/"))))
                 for path in self._found]  # fmt: skip
        self.query_one("#paths", OptionList).set_options(shown)


def expanded(path: str) -> str:
    """With the home directory for `~`, from the root of the file system."""
    return os.path.abspath(os.path.expanduser(path))


def beginning_with(typed: str) -> list[str]:
    """Paths that go on from what was typed, directories with a slash; those that are hidden only when asked for."""
    head, tail = os.path.split(typed)
    found: list[str] = []
    try:
        with os.scandir(os.path.expanduser(head) if head else ".") as entries:
            for entry in entries:
                if entry.name.startswith(tail) and (tail.startswith(".") or not entry.name.startswith(".")):
                    found.append(os.path.join(head, entry.name) + "/" * _is_directory(entry))
                    if len(found) >= limits.TUI_PATHS:
                        break
    except (OSError, ValueError):
        return []
    return sorted(found)


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def start() -> str:
    """Where looking for a file begins: here, or at home where that is nowhere."""
    try:
        return str(Path.cwd()).rstrip("/") + "/"
    except OSError:
        return "~/"
