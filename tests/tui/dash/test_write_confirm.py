"""The question before something grave: by key, by button, by word, and the harmless answer is the nearest."""

import asyncio

import pytest
from textual.app import App

from aimx_tui.dash.confirm import Confirm
from tests.tui.dash.screens import shown


class Asking(App):
    """One question, and what was answered."""

    CSS_PATH = "../../../aimx_tui/shell.tcss"

    def __init__(self, word=""):
        super().__init__()
        self.word, self.answers = word, []

    def on_mount(self):
        what = "mailbox [bold]nope[/nope]\n12 messages\x1b]52;c;x\x07"
        self.push_screen(Confirm("Delete 'desk'?", what, "Delete", self.word), self.answers.append)


def answer(*keys, word="", size=(80, 24)):
    async def story():
        app = Asking(word)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            screen = shown(app)
            await pilot.press(*keys)
            await pilot.pause()
            return app.answers, screen

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("keys", "word", "said"),
    [
        pytest.param(["y"], "", [True], id="yes"),
        pytest.param(["n"], "", [False], id="no"),
        pytest.param(["escape"], "", [False], id="escape"),
        pytest.param(["enter"], "", [False], id="enter-keeps"),
        pytest.param(["right", "enter"], "", [True], id="the-other-button"),
        pytest.param([*"desk", "enter"], "desk", [True], id="word"),
        pytest.param([*"des", "enter"], "desk", [], id="not-the-word"),
        pytest.param([*"des", "tab", "tab", "enter"], "desk", [], id="no-button-before-the-word"),
        pytest.param([*"desk", "tab", "tab", "enter"], "desk", [True], id="button-after-the-word"),
        pytest.param([*"y", "tab", "y"], "desk", [], id="no-key-before-the-word"),
        pytest.param([*"desk", "escape"], "desk", [False], id="word-and-escape"),
    ],
)
def test_what_is_answered(keys, word, said):
    assert answer(*keys, word=word)[0] == said


@pytest.mark.parametrize("size", [(80, 24), (60, 18)], ids=str)
@pytest.mark.parametrize("word", ["", "desk"], ids=["plain", "word"])
def test_all_of_it_is_shown_and_none_of_it_obeyed(size, word):
    screen = answer("escape", word=word, size=size)[1]
    for text in ("Delete 'desk'?", "[bold]nope[/nope]", "\\x1b]52;c;x\\x07", "Cancel", "12 messages"):
        assert text in screen
