"""The questions of mode 1: which of several, where a link leads, where a file goes. They touch nothing themselves."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.mail import links
from aimx_tui.dash.mail.document import Link

_CANCEL = Binding("escape", "dismiss", "Cancel", id="dialog.cancel", tooltip="Leave everything as it is")


class Choose(ModalScreen[int | None]):
    """One of several, by its number."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _CANCEL,
        Binding("j", "down", "Down", id="choose.down", show=False, tooltip="The next one"),
        Binding("k", "up", "Up", id="choose.up", show=False, tooltip="The one before"),
    ]

    def __init__(self, title: str, choices: list[str]) -> None:
        super().__init__()
        self._title, self._choices = title, choices

    def compose(self) -> ComposeResult:
        """A line each."""
        options = [Option(safe.text(safe.line(choice))) for choice in self._choices]
        with Vertical(classes="dialog"):
            yield Static(safe.text(self._title), classes="dialog-title")
            yield OptionList(*options, id="choices", markup=False)
            yield Static(Text("Enter takes one, Esc none"), classes="hint")

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        """That one."""
        self.dismiss(selected.option_index)

    def action_down(self) -> None:
        """As the arrow."""
        self.query_one("#choices", OptionList).action_cursor_down()

    def action_up(self) -> None:
        """As the arrow."""
        self.query_one("#choices", OptionList).action_cursor_up()


class Leading(ModalScreen[str | None]):
    """Where a link leads, before anything is done with it: "copy", "open", "write" (to that address) or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _CANCEL,
        Binding("y", "answer('copy')", "Copy", id="link.copy", tooltip="The target to the clipboard"),
        Binding(
            "o",
            "answer('open')",
            "Open",
            id="link.open",
            tooltip="Open the target in a browser; of mail, write a letter to it",
        ),
        Binding("right", "app.focus_next", "", show=False, id="link.right", tooltip="To the other button"),
        Binding("left", "app.focus_previous", "", show=False, id="link.left", tooltip="To the other button"),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link, self._target = link, links.judge(link)

    def compose(self) -> ComposeResult:
        """All of the target, what is odd about it, and three buttons."""
        with Vertical(classes="dialog"):
            yield Static(Text("Where this link leads"), classes="dialog-title")
            with VerticalScroll(classes="what", can_focus=False):
                yield Static(safe.text(safe.line(self._link.target)), classes="target")
            if self._link.label and self._link.label != self._link.target:
                yield Static(
                    safe.text(f"Its text: {safe.line(self._link.label)[: limits.TUI_LABEL_CHARACTERS]}"), classes="hint"
                )
            for warning in self._target.warnings:
                yield Static(safe.text(warning), classes="warning")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Copy", id="copy")
                if self._target.opens == "web":
                    yield Button("Open in a browser", id="open")
                elif self._target.opens == "mail":
                    yield Button("Write a letter", id="write")

    def on_mount(self) -> None:
        """The harmless answer."""
        self.query_one("#cancel").focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """One of them."""
        pressed.stop()
        self.dismiss(None if pressed.button.id == "cancel" else pressed.button.id)

    def action_answer(self, answer: str) -> None:
        """By key."""
        if answer == "copy":
            self.dismiss("copy")
        elif self._target.opens:
            self.dismiss("open" if self._target.opens == "web" else "write")


class Where(ModalScreen[str | None]):
    """A path. What is wrong with it its owner says by `refuse`; what is under way by `progress`."""

    BINDINGS: ClassVar[list[BindingType]] = [_CANCEL]

    def __init__(self, title: str, path: str, verb: str) -> None:
        super().__init__()
        self._title, self._path, self._verb = title, path, verb

    def compose(self) -> ComposeResult:
        """The field, a line for what happens, the buttons."""
        with Vertical(classes="dialog"):
            yield Static(safe.text(self._title), classes="dialog-title")
            yield Input(self._path, id="path", select_on_focus=False)
            yield Static("", id="state", classes="hint")
            with Horizontal(classes="buttons"):
                yield Button(Text(self._verb), id="do")
                yield Button("Cancel", id="cancel")

    def refuse(self, reason: str) -> None:
        """It was not done; another path may be given."""
        self._say(f"✗ {reason}", trouble=True)
        self.query_one("#path", Input).disabled = False
        self.query_one("#do", Button).disabled = False
        self.query_one("#path").focus()

    def progress(self, text: str) -> None:
        """It is being done."""
        self.query_one("#path", Input).disabled = True
        self.query_one("#do", Button).disabled = True
        self.query_one("#cancel").focus()
        self._say(text)

    def _say(self, text: str, trouble: bool = False) -> None:
        line = self.query_one("#state", Static)
        line.update(safe.text(text))
        line.set_class(trouble, "refusal")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Enter."""
        submitted.stop()
        self.given(submitted.value)

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Either."""
        pressed.stop()
        if pressed.button.id == "do":
            self.given(self.query_one("#path", Input).value)
        else:
            self.dismiss(None)

    def given(self, path: str) -> None:
        """Told to who asked; who does it while the dialog is there does it here."""
        self.dismiss(path)
