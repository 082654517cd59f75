"""The dashboard as a person has it: the real program on a real terminal, a real daemon, a mail server on loopback."""

import os
import shutil
import signal
import sys
import time

import pytest

from tests import mx
from tests.harness import DOMAIN, Daemon, mail, owner
from tests.mailauth import signing
from tests.tui.terminal import PATIENCE_S, Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
WIDE, SMALL = (130, 35), (80, 24)
PEER = "ok@one.test"  # which the mail server takes
CONFIG = f"""\
domain = "{DOMAIN}"
allow_private_mx = true

[mailboxes.desk]
address = "desk@{DOMAIN}"
owner = "{owner()}"

[[mailboxes.desk.hooks]]
name = "take-note"
event = "on_receive"
fire_on_untrusted = true
cmd = ["/bin/sh", "-c", "exit 0"]
"""
# Says what the terminal was before the program and after it; the program replaces a shell whose id is known.
RUN = """\
stty -a >"$1/before"
sh -c 'echo $$ >"$1/pid.new"; mv "$1/pid.new" "$1/pid"; shift; exec "$@"' run "$@"
echo $? >"$1/code"
stty -a >"$1/after"
"""


@pytest.fixture(scope="module")
def post(tmp_path_factory):
    """A daemon whose mail goes to `post.mx`."""
    server = mx.Server()
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), CONFIG, mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
    signing.install(daemon.etc)
    with daemon:
        daemon.mx = server
        yield daemon
    server.close()


@pytest.fixture
def terminal(tmp_path):
    with Terminal(tmp_path, WIDE) as found:
        yield found


class Seat:
    """A person at a terminal, with the dashboard on it."""

    def __init__(self, terminal, daemon, tree):
        self.terminal, self.tree = terminal, tree
        (tree / "run.sh").write_text(RUN)
        self._modes = terminal.modes()
        env = {"AIMX_RUNTIME_DIR": daemon.run, "AIMX_DATA_DIR": daemon.data, "HOME": tree, "TEXTUAL_ANIMATIONS": "none"}
        words = [f"{name}={text}" for name, text in env.items()]
        terminal.run("env", *words, "sh", str(tree / "run.sh"), str(tree), sys.executable, "-m", "aimx.cli.main", "tui")
        terminal.until("● live")

    def signal(self, number):
        """To the program."""
        os.kill(int((self.tree / "pid").read_text()), number)

    def left(self):
        """It has ended with 0, and the terminal is as it was: its modes, its settings, a shell that answers."""
        self.terminal.until("end of program")
        assert (self.tree / "code").read_text() == "0\n"
        assert (self.tree / "after").read_text() == (self.tree / "before").read_text()
        assert self.terminal.modes() == self._modes
        assert "Traceback" not in self.terminal.shown()
        self.terminal.type("echo usable $((40 + 2))")
        self.terminal.press("Enter")
        self.terminal.until("usable 42")


def arrives(post, subject, body="Hello.\r\n"):
    """Mail from somebody who can be answered."""
    post.send(mail(subject, body, From=PEER, To=f"desk@{DOMAIN}"), f"desk@{DOMAIN}", sender=PEER)


def holds(terminal, condition, what):
    """Something comes true."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"never: {what}\n{terminal.shown()}"
        time.sleep(0.05)


def writes(terminal):
    """The cursor stands below the fields of a letter."""

    def below():
        lines = terminal.shown().splitlines()
        return any("Subject" in line for line in lines[: terminal.cursor_line()])

    holds(terminal, below, "the cursor in the text")


def test_a_day_at_the_dashboard(post, terminal, tmp_path):
    seat = Seat(terminal, post, tmp_path)
    arrives(post, "A question", "How many?\r\n")
    terminal.until(f"❯ ●– {PEER} A question")
    terminal.press("Enter")
    terminal.until("How many?")
    terminal.until(f"❯ – {PEER} A question")

    terminal.press("r")
    terminal.until("kept as a draft until it is sent")
    writes(terminal)
    terminal.type("Twelve of them.")
    terminal.until("Twelve of them.")
    terminal.press("C-s")
    terminal.until(f"✓ Delivered: Re: A question → {PEER}")
    [(recipients, octets)] = post.mx.taken
    assert recipients == [PEER]
    assert b"Twelve of them." in octets
    terminal.press("S")
    terminal.until(f"{PEER} Re: A question delivered")

    terminal.press("2")
    terminal.until("take-note ✓ finished with exit code 0")
    terminal.press("1")
    terminal.until("Sent · 1")
    terminal.press("i")
    terminal.until("Inbox · 1")

    for end in (signal.SIGTERM, signal.SIGKILL):
        post.stop(end)
        terminal.until("✗ daemon away")
        terminal.until("Trying again")
        terminal.until("A question")
        post.start()
        terminal.until("● live")
        holds(terminal, lambda: "Trying again" not in terminal.shown(), "the banner gone")
        arrives(post, f"After {end.name}")
        terminal.until(f"{PEER} After {end.name}")

    terminal.press("g")
    terminal.press("Enter")
    terminal.until("To desk@agent.test")
    terminal.resize(*SMALL)
    holds(terminal, lambda: "All mailboxes" not in terminal.shown(), "the reader as a screen of its own")
    terminal.until("To desk@agent.test")
    terminal.press("q")
    terminal.until("After SIGKILL")
    terminal.until("After SIGTERM")
    terminal.resize(*WIDE)
    terminal.until("❯ All mailboxes")
    terminal.until("To desk@agent.test")

    terminal.press("C-c")
    seat.left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_leaves_the_terminal_as_it_was(post, terminal, tmp_path, number):
    seat = Seat(terminal, post, tmp_path)
    seat.signal(number)
    seat.left()
