"""The real program on a real terminal: from a bare machine to a mail server by keys, and what stays on the screen."""

import shutil

import pytest

from aimx.config import load
from tests.root.setup_host import Machine, runs
from tests.root.test_setup import CASES, DOMAIN, SENDERS, SKIP
from tests.tui.terminal import Terminal, asked

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]
# What is pressed and typed after which words, for cases of the table of plain and unattended runs.
DOMAIN_ASKED = ("(e.g. agent.example.com)", DOMAIN, "Enter")
ACCESS = [("Confirm?", "Enter"), ("Do you control", "y"), ("DNS propagation", "q")]
SENDERS_ASKED = ("Leave it empty", SENDERS, "Enter")
FIRST = [DOMAIN_ASKED, *ACCESS]
LAST = ("successfully", "Enter")
KEYS = {
    "everything": [*FIRST, SENDERS_ASKED, ("Confirm?", "Enter"), ("Create the catchall mailbox?", "Enter"), LAST],
    "nobody is trusted": [
        *FIRST, ("Leave it empty", "Enter"), ("hooks will NOT fire", "y"), ("Create the catchall", "Enter"), LAST,
    ],
    "no catchall": [*FIRST, SENDERS_ASKED, ("Confirm?", "Enter"), ("Create the catchall mailbox?", "n"), LAST],
}  # fmt: skip
_KEYS = ("Enter", "C-u", "C-c", "Escape", "y", "n", "q")


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """A daemon that is ready in the end."""
    with runs(tmp_path_factory.mktemp("daemon")) as found:
        yield found


@pytest.fixture
def terminal(tmp_path):
    """A window of the usual size."""
    with Terminal(tmp_path) as found:
        yield found


def play(terminal, steps):
    """What is pressed after which words."""
    for words, *inputs in steps:
        terminal.until(words)
        for one in inputs:
            if one in _KEYS:
                terminal.press(one)
            else:
                terminal.type(one)
                terminal.until(one)


@pytest.mark.parametrize("case", KEYS)
def test_a_bare_machine_becomes_a_mail_server_by_keys(setup, terminal, tmp_path, case):
    machine = Machine(tmp_path / "m")
    path, argv = asked(machine, setup, SKIP)
    terminal.run(*argv)
    play(terminal, KEYS[case])
    terminal.until("end of program")
    shown = " ".join(terminal.shown().split())
    assert path.with_suffix(".code").read_text() == "0"
    assert "☑ Install AIMX" in shown
    assert "→ aimx agents setup" in shown
    trust, catchall = CASES[case][2]
    config = load.load(machine.config, None)
    senders = ("You@Example.test", "*@company.test") if trust == "verified" else ()
    assert (config.domain, config.trust, config.trusted_senders) == (DOMAIN, trust, senders)
    assert bool(config.mailboxes) == catchall == ("aimx-catchall" in (machine.tree / "etc/passwd").read_text())


def test_whoever_ends_it_is_told_what_stands(setup, terminal, tmp_path):
    machine = Machine(tmp_path / "m")
    path, argv = asked(machine, setup, DOMAIN, SKIP)
    terminal.run(*argv)
    terminal.until("DNS propagation")
    terminal.press("C-c")
    terminal.until("End setup now?")
    terminal.press("y")
    terminal.until("end of program")
    shown = " ".join(terminal.shown().split())
    assert path.with_suffix(".code").read_text() == "1"
    assert "Setup cancelled." in shown
    assert "DKIM" in shown
    assert "Traceback" not in shown


def test_a_terminal_that_can_only_write_lines_gets_plain_questions(setup, terminal, tmp_path):
    machine = Machine(tmp_path / "m")
    _path, argv = asked(machine, setup, SKIP, TERM="dumb")
    terminal.run(*argv)
    terminal.until("Enter the domain")
    assert "F1" not in terminal.shown()
    terminal.press("C-c")
    terminal.until("end of program")
