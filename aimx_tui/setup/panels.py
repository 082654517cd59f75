"""The panels of a step: a line of text, a yes or no, something that failed or is at its end, and progress."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Static

from aimx.provision.setup import entries
from aimx_tui import safe
from aimx_tui.setup import asks

_YES = "yes"


class Panel(Vertical):
    """Asks one thing. `Answered` bubbles up once; the panel goes away then."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="panel.back", tooltip="Ask the question before this one again"),
        Binding("right", "app.focus_next", "Next button", show=False, id="panel.right", tooltip="To the next button"),
        Binding("left", "app.focus_previous", "", show=False, id="panel.left", tooltip="To the button before"),
    ]
    back = False

    class Answered(Message):
        """The operator has answered."""

        def __init__(self, panel: "Panel", value: object) -> None:
            super().__init__()
            self.panel, self.value = panel, value

    def answer(self, value: object) -> None:
        """Once; what is pressed afterwards is for nobody."""
        if not self.disabled:
            self.disabled = True
            self.post_message(self.Answered(self, value))

    def action_back(self) -> None:
        """To the question before."""
        self.answer(asks.GoBack())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is no way back from some."""
        return self.back if action == "back" else super().check_action(action, parameters)

    def ready(self) -> None:
        """It is on the screen: focus what Enter should be for."""

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """A button is one of its actions."""
        pressed.stop()
        if pressed.button.id == "back":
            self.action_back()
        else:
            self.pressed(pressed.button.id or "")

    def pressed(self, button: str) -> None:
        """Another button than Back."""

    def _buttons(self, *named: tuple[str, str]) -> Horizontal:
        found = [Button(Text(label), id=name) for name, label in named]
        return Horizontal(*found, *([Button(Text("Back"), id="back")] if self.back else []), classes="buttons")


class Yes(Panel):
    """A yes or no that is had back easily."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "say(True)", "Yes", id="panel.yes", tooltip="Answer yes"),
        Binding("n", "say(False)", "No", id="panel.no", tooltip="Answer no"),
    ]

    def __init__(self, ask: asks.AskYes) -> None:
        super().__init__()
        self._question, self.back = ask.question, ask.back

    def compose(self) -> ComposeResult:
        """The question and its buttons."""
        yield Static(safe.text(self._question.text), classes="question")
        yield self._buttons(("yes", "Yes"), ("no", "No"))

    def ready(self) -> None:
        """Enter is the default."""
        self.query_one("#yes" if self._question.default else "#no").focus()

    def pressed(self, button: str) -> None:
        """Yes or No."""
        self.answer(button == "yes")

    def action_say(self, yes: bool) -> None:
        """By key."""
        self.answer(yes)


class Grave(Panel):
    """A yes that has to be typed in so many words."""

    def __init__(self, ask: asks.AskYes) -> None:
        super().__init__()
        self._question, self.back = ask.question, ask.back

    def compose(self) -> ComposeResult:
        """The question, where to type, and the way out."""
        yield Static(safe.text(self._question.text), classes="question warning")
        yield Input(placeholder="type yes to do it", id="typed")
        yield Static("", id="refusal", classes="refusal")
        yield self._buttons(("no", "No, leave it"))

    def ready(self) -> None:
        """Enter alone changes nothing."""
        self.query_one("#no").focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Only the word itself."""
        submitted.stop()
        if submitted.value.strip().lower() == _YES:
            self.answer(True)
        else:
            self.query_one("#refusal", Static).update(Text("✗ Type yes to do it, or choose “No, leave it”."))

    def pressed(self, button: str) -> None:
        """No."""
        self.answer(button == "yes")


class Line(Panel):
    """A line of text, checked while it is typed."""

    def __init__(self, ask: asks.AskText) -> None:
        super().__init__()
        self._asked, self.back = ask, ask.back

    def compose(self) -> ComposeResult:
        """Prompt, input, what is wrong with it, buttons."""
        for about in self._asked.about:
            yield Static(safe.text(about), classes="question")
        yield Input(value=self._asked.offered, id="typed", select_on_focus=False)
        yield Static("", id="refusal")
        yield self._buttons(("next", "Next"))

    def ready(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()
        self._judge(self.query_one(Input).value)

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Judged at every key."""
        changed.stop()
        self._judge(changed.value)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Enter."""
        submitted.stop()
        self.pressed("next")

    def pressed(self, button: str) -> None:  # noqa: ARG002  there is one
        """Next: only what is taken is an answer."""
        typed = self.query_one(Input).value.strip()
        if self._judge(typed, asked=True):
            self.answer(typed)

    def _judge(self, typed: str, asked: bool = False) -> bool:
        """Whether that is an answer; what is wrong with it stands below. An empty line is blamed only when `asked`."""
        typed, line = typed.strip(), self.query_one("#refusal", Static)
        refusal = self._asked.check(typed) if typed else None
        if refusal is None and not typed and self._asked.empty is None:
            line.update(Text("✗ Type a domain here" if asked else " "))
            line.set_classes("refusal")
            return False
        line.set_classes("refusal" if refusal else "good" if typed else "warning")
        if refusal is not None:
            line.update(safe.text(f"✗ {refusal}"))
        elif typed:
            line.update(safe.text(f"✓ {self._understood(typed)}"))
        else:
            line.update(safe.text(f"⚠ {self._asked.empty}"))
        return refusal is None

    def _understood(self, typed: str) -> str:
        if self._asked.name != "senders":
            return "can be used"
        found = entries.senders(typed)
        return f"{len(found)} trusted sender{'s' if len(found) > 1 else ''}"


class Again(Panel):
    """Something failed: what to do, and another try."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "say(True)", "Try again", id="panel.again", tooltip="Run setup again from its first step"),
        Binding("q", "say(False)", "Quit", id="panel.quit", tooltip="End setup"),
    ]

    def __init__(self, ask: asks.AskAgain) -> None:
        super().__init__()
        self._reason = ask.reason

    def compose(self) -> ComposeResult:
        """The reason and the choice."""
        yield Static(safe.text(f"✗ {self._reason}"), classes="refusal question")
        yield Static(Text("Once that is put right, try again here: what has been done is found done."), classes="hint")
        yield self._buttons(("again", "Try again"), ("quit", "Quit"))

    def ready(self) -> None:
        """Enter tries again."""
        self.query_one("#again").focus()

    def pressed(self, button: str) -> None:
        """Again or not."""
        self.answer(button == "again")

    def action_say(self, again: bool) -> None:
        """By key."""
        self.answer(again)


class Finish(Panel):
    """The last words stand above."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "finish", "Finish", id="panel.finish", tooltip="Back to the shell; the last words stay there")
    ]

    def compose(self) -> ComposeResult:
        """One button."""
        yield self._buttons(("finish", "Finish"))

    def ready(self) -> None:
        """Enter ends."""
        self.query_one("#finish").focus()

    def pressed(self, button: str) -> None:  # noqa: ARG002  there is one
        """The end."""
        self.answer(True)

    def action_finish(self) -> None:
        """By key."""
        self.answer(True)


class Progress(Vertical):
    """Something takes time: what, for how long, and the way to end it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.leave", "Cancel", id="progress.cancel", tooltip="End what is under way, and setup")
    ]
    _TURNS = "◐◓◑◒"

    can_focus = True

    class Cancelled(Message):
        """The button was pressed."""

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        super().__init__()
        self._what, self._clock, self._began = what, clock, clock()

    def compose(self) -> ComposeResult:
        """The line, and Cancel."""
        yield Static("", id="elapsed", classes="question")
        with Horizontal(classes="buttons"):
            yield Button(Text("Cancel"), id="cancel")

    def on_mount(self) -> None:
        """Counts the seconds."""
        self._draw()
        self.set_interval(1, self._draw)

    def ready(self) -> None:
        """Cancel is for a deliberate key, not for an Enter that comes late."""
        self.focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Cancel."""
        pressed.stop()
        self.post_message(self.Cancelled())

    def _draw(self) -> None:
        seconds = int(self._clock() - self._began)
        sign = self._TURNS[seconds % len(self._TURNS)] if self.app.animation_level != "none" else self._TURNS[0]
        self.query_one("#elapsed", Static).update(safe.text(f"{sign} {self._what} · {elapsed(seconds)}"))


def elapsed(seconds: int) -> str:
    """For people."""
    minutes, rest = divmod(max(seconds, 0), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def panel(ask: asks.Ask) -> Panel:
    """The panel for a question; the records have a module of their own."""
    if isinstance(ask, asks.AskText):
        return Line(ask)
    if isinstance(ask, asks.AskYes):
        return Grave(ask) if ask.question.grave else Yes(ask)
    if isinstance(ask, asks.AskAgain):
        return Again(ask)
    return Finish()
